import { namesOf, type VariableName, variableNames, variables } from '../../src/platform/config/variables.ts';
import type { Variables } from './project.ts';

/** Strict if any of its names is: none of them may undo another. */
const anyOfItsNames: VariableName = 'BACKEND_ENV';

const others = variableNames.filter((name) => name !== anyOfItsNames);
const isDatabase = (name: VariableName): boolean => variables[name].group === 'Database';

/** The names that set one thing together. A database is one thing: half of one and half of another is neither. */
const settings: readonly (readonly string[])[] = [
  others.filter(isDatabase).flatMap(namesOf),
  ...others.filter((name) => !isDatabase(name)).map(namesOf),
];

/** Variables over others, setting by setting: one that is set here is not also set there under another name. */
export const overlay = (under: Variables, over: Variables): Variables => {
  const set = settings.filter((names) => names.some((name) => over[name])).flat();
  // Empty, and not left out: wrangler reads .dev.vars too.
  const unset = Object.fromEntries(set.map((name) => [name, '']));
  return { ...under, ...unset, ...over };
};

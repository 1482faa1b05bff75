import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { variableNames, variables } from '../../src/config/variables.ts';
import type { Variables } from '../stack/project.ts';
import { Sentence } from '../stack/sentence.ts';

/**
 * The Config of one group of the variables, with all others at their defaults: a laptop has no secrets of the Worker,
 * and nothing here needs them.
 *
 * @throws Sentence about everything that is wrong with the group
 */
export const loadGroup = (given: Variables, group: string): Config => {
  const names = variableNames
    .filter((name) => variables[name].group === group)
    .flatMap((name) => [name, ...variables[name].aliases.map((alias) => alias.name)]);
  const loaded = loadConfig(Object.fromEntries(names.map((name) => [name, given[name]])));
  if (loaded.ok) return loaded.config;
  throw new Sentence(loaded.problems.map(({ variable, detail }) => `${variable} ${detail}`).join('\n'));
};

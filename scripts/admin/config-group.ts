import { loadConfig } from '../../src/platform/config/load.ts';
import type { Config } from '../../src/platform/config/schema.ts';
import { variableNames, variables } from '../../src/platform/config/variables.ts';
import { CliError } from '../program/cli.ts';
import type { Variables } from '../program/project.ts';

/**
 * The Config of one group of the variables, with all others at their defaults: a laptop has no secrets of the Worker,
 * and nothing here needs them.
 *
 * @throws CliError about everything that is wrong with the group
 */
export const loadGroup = (given: Variables, group: string): Config => {
  const names = variableNames
    .filter((name) => variables[name].group === group)
    .flatMap((name) => [name, ...variables[name].aliases.map((alias) => alias.name)]);
  const loaded = loadConfig(Object.fromEntries(names.map((name) => [name, given[name]])));
  if (loaded.ok) return loaded.config;
  throw new CliError(loaded.problems.map(({ variable, detail }) => `${variable} ${detail}`).join('\n'));
};

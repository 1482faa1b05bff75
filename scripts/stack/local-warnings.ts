import { loadConfig } from '../../src/platform/config/load.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { isLoopback } from '../../src/platform/rules/network.ts';
import { inspectNames } from '../doctor/variables.ts';
import type { Variables } from '../program/project.ts';
import type { LocalWarning } from './shown-warnings.ts';

/** What the Worker warns of, what it cannot see of .dev.vars, and secrets of this project that others could use. */
export const localWarnings = async (variables: Variables): Promise<readonly LocalWarning[]> => {
  const loaded = loadConfig(variables);
  const names = await inspectNames(undefined);
  return [
    ...loaded.warnings,
    ...names.map(({ check, detail }) => ({ variable: `${check}:`, detail })),
    ...(loaded.ok && !loaded.config.environment.strict ? knownSecrets(variables) : []),
  ];
};

/** The secrets of local work stand in the source: nobody else may reach a service that has them. */
const knownSecrets = (variables: Variables): LocalWarning[] => {
  const { given } = resolveVariables(variables);
  const unset = (['JWT_SECRET', 'SECRET_KEY'] as const).filter((name) => !given.has(name));
  const host = given.get('HOST')?.text;
  if (unset.length === 0 || host === undefined || isLoopback(host) || host === '::1') return [];
  const detail = `lets other machines in, but the default of ${unset.join(' and of ')} is public: set your own`;
  return [{ variable: `HOST=${host}`, detail }];
};

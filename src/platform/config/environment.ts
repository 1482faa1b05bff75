import { readText } from './resolve.ts';
import { type Variable, variables } from './variables.ts';

export type EnvironmentConfig = {
  /** In lower case. */
  readonly name: string;
  /** Not local: defaults, weak secrets and plain HTTP are refused. */
  readonly strict: boolean;
};

const lenientNames: readonly string[] = ['local', 'development', 'dev', 'test'];

/**
 * Strict if any of BACKEND_ENV, ENVIRONMENT and NODE_ENV is, so that no one of them can undo another; and
 * then named after the first that is. One that cannot be read counts as strict.
 */
export const readEnvironment = (env: Record<string, unknown>): EnvironmentConfig => {
  const { aliases }: Variable = variables.BACKEND_ENV;
  const names = ['BACKEND_ENV', ...aliases.map((alias) => alias.name)].flatMap((variable) => {
    const reading = readText(env[variable]);
    if (!reading) return [];
    return 'text' in reading ? [reading.text.toLowerCase()] : ['unreadable'];
  });
  const strictName = names.find((name) => !lenientNames.includes(name));
  return { name: strictName ?? names[0] ?? 'local', strict: strictName !== undefined };
};

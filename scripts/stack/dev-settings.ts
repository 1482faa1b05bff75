import { parseArgs } from 'node:util';
import { CliError } from './cli-error.ts';
import { type DatabasePlan, planDatabase } from './database-plan.ts';
import { dataDirectory, readVariables, type Variables } from './project.ts';

export type DevSettings = {
  readonly reset: boolean;
  readonly host: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly variables: Variables;
  readonly plan: DatabasePlan;
};

/** @throws CliError about the first thing that is wrong with the command line or the environment */
export const readDevSettings = (args: readonly string[]): DevSettings => {
  if (process.env.npm_config_reset)
    throw new CliError('npm keeps that --reset to itself: npm run dev -- --reset');
  const reset = readReset(args);
  const variables = readVariables();
  const plan = planDatabase(variables, process.env.LOCAL_POSTGRES_URL || null);
  if (reset && !(plan.kind === 'local' && plan.postgresUrl === null)) {
    throw new CliError('--reset deletes the embedded database, but this environment uses another one.');
  }
  return {
    reset,
    host: variables.HOST || '127.0.0.1',
    port: readPort(variables.BACKEND_PORT || '3002'),
    dataDirectory: dataDirectory(),
    variables,
    plan,
  };
};

const readReset = (args: readonly string[]): boolean => {
  try {
    return parseArgs({ args: [...args], options: { reset: { type: 'boolean' } } }).values.reset ?? false;
  } catch {
    throw new CliError(
      `Unknown option: ${args.join(' ')}. The only one there is: --reset, which empties the embedded database.`,
    );
  }
};

const readPort = (text: string): number => {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new CliError('BACKEND_PORT must be a whole number from 1 to 65535.');
};

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { Unstable_Config as WranglerConfig } from 'wrangler';
import { readEnvironment } from '../../src/platform/config/resolve.ts';
import {
  isConfigVariable,
  namesOf,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';
import { withoutBrackets } from '../../src/platform/rules/network.ts';
import { CliError } from './cli.ts';
import { readEnvText } from './env-text.ts';

export const projectDirectory = fileURLToPath(new URL('../..', import.meta.url));

export type Variables = Readonly<Record<string, string>>;

/** Variables of the local stack itself, which the Worker does not know. */
export const stackVariableNames = ['DATA_DIR', 'LOCAL_POSTGRES_URL'] as const;

/** One of this process, where an empty one counts too, or else of `.dev.vars`; null where none is set. */
export const stackVariable = (name: (typeof stackVariableNames)[number]): string | null =>
  (process.env[name] ?? parseEnv(devVarsText())[name]) || null;

/** A shell expands `~` for programs, but neither inside of quotes nor in `.dev.vars`. */
const expandHome = (path: string): string => path.replace(/^~(?=$|\/)/, homedir);

/** Where the local stack keeps its files; a relative DATA_DIR starts at the project. */
export const dataDirectory = (): string =>
  resolve(projectDirectory, expandHome(stackVariable('DATA_DIR') ?? '.data'));

/** Some shells, and conda, set HOST to a name: of this machine, or of a compiler's target. None is meant for Itsor. */
export const isForeignHost = (host: string | undefined): boolean =>
  !!host && host !== 'localhost' && isIP(withoutBrackets(host)) === 0;

/** The variables of Itsor that are set in an environment. */
export const configVariables = (environment: NodeJS.ProcessEnv): Variables =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, text]) => {
      if (text === undefined || !isConfigVariable(name)) return [];
      return name === 'HOST' && isForeignHost(text) ? [] : [[name, text]];
    }),
  );

/** The text of `.dev.vars`; empty where there is no such file. @throws CliError where it cannot be read as variables */
export const devVarsText = (path: string = resolve(projectDirectory, '.dev.vars')): string => {
  try {
    return readEnvText('.dev.vars', readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    if (code === 'EISDIR')
      throw new CliError('.dev.vars is a folder; it must be a file of NAME=value lines.');
    if (code) throw new CliError(`.dev.vars cannot be read (${code}).`);
    throw error;
  }
};

/** `.dev.vars`, and this process's environment over it. */
export const readVariables = (): Variables => {
  const given = Object.entries(parseEnv(devVarsText()) as Variables);
  const ofWorker = given.filter(([name]) => !stackVariableNames.some((each) => each === name));
  return overlay(Object.fromEntries(ofWorker), configVariables(process.env));
};

/** wrangler.toml names production, and a local stack that names nothing is local: the name is said in its place. */
export const sayLocal = (variables: Variables): Variables => ({
  ...variables,
  BACKEND_ENV: variables.BACKEND_ENV || readEnvironment(variables).name,
});

/** An environment is strict if any of its names says so: none of them may undo another. */
const anyOfItsNames: VariableName = 'BACKEND_ENV';

const others = variableNames.filter((name) => name !== anyOfItsNames);
const isDatabase = (name: VariableName): boolean => variables[name].group === 'Database';

/** The names that set one thing together. A database is one thing: two halves of different ones are neither. */
const settings: readonly (readonly string[])[] = [
  others.filter(isDatabase).flatMap(namesOf),
  ...others.filter((name) => !isDatabase(name)).map(namesOf),
];

/** Variables over others, setting by setting: one that is set here is not also set there under another name. */
export const overlay = (under: Variables, over: Variables): Variables => {
  const set = settings.filter((names) => names.some((name) => over[name])).flat();
  // Empty rather than left out: wrangler reads .dev.vars too.
  const unset = Object.fromEntries(set.map((name) => [name, '']));
  return { ...under, ...unset, ...over };
};

/** An environment of wrangler.toml. @throws CliError when there is no such environment */
export const readWranglerConfig = async (env: string): Promise<WranglerConfig> => {
  // wrangler would read it as the Worker without an environment.
  if (env.trim() === '') throw new CliError('--env is empty: name an environment of wrangler.toml.');
  // Imported here, because it takes most of a second. By default it would print a notice about its telemetry.
  process.env.WRANGLER_SEND_METRICS ??= 'false';
  const { unstable_readConfig: readConfig } = await import('wrangler');
  try {
    return readConfig({ config: `${projectDirectory}/wrangler.toml`, env }, { hideWarnings: true });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[1]?.trim();
    throw new CliError(`wrangler.toml cannot be read for the environment "${env}": ${reason}`);
  }
};

/** The variables of an environment of wrangler.toml, and over them those of this process, as in a deployment. */
export const wranglerVariables = async (env: string): Promise<Variables> => {
  const vars = Object.entries((await readWranglerConfig(env)).vars).map(([name, value]) => [
    name,
    String(value),
  ]);
  // A workflow passes a secret that it lacks on as an empty variable, which means unset.
  const given = Object.entries(configVariables(process.env)).filter(([, text]) => text !== '');
  return overlay(Object.fromEntries(vars), Object.fromEntries(given));
};

/** Those of an environment of wrangler.toml; without one, `.dev.vars` and this process's. */
export const variablesOf = async (env: string | undefined): Promise<Variables> =>
  env === undefined ? readVariables() : wranglerVariables(env);

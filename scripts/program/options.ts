import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { hasUnencodedPassword, unencodedPassword } from '../../src/platform/config/database.ts';
import { CliError } from './cli.ts';

type Reading<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true }>
>;

/** Options and positional arguments; `--help` prints the usage and ends the program. @throws CliError */
export const readArguments = <const Options extends ParseArgsOptionsConfig>(
  options: Options,
  usage: string,
  allowPositionals = true,
): Reading<Options> => {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals });
    refuseEmpty(values);
    return { values, positionals } as Reading<Options>;
  } catch (error) {
    throw new CliError(`${(error as Error).message}\n\n${usage}`);
  }
};

/** The same for a program that takes options alone. */
export const readOptions = <const Options extends ParseArgsOptionsConfig>(
  options: Options,
  usage: string,
): Reading<Options>['values'] => readArguments(options, usage, false).values;

/** A script passes an unset variable on as an empty option, which must not mean the same as no option. */
const refuseEmpty = (values: Readonly<Record<string, unknown>>): void => {
  const empty = Object.keys(values).find((name) =>
    [values[name]].flat().some((value) => typeof value === 'string' && value.trim() === ''),
  );
  if (empty !== undefined) throw new Error(`--${empty} is empty.`);
};

/** The URL of a service, without a slash at its end. @throws CliError, without the URL: it may hold a password */
export const readServiceUrl = (given: string): string => {
  const url = URL.parse(given);
  if (!url || !/^https?:\/\//.test(given))
    throw new CliError('--url wants a URL that begins with http:// or https://.');
  if (url.username || url.password) throw new CliError('--url wants a URL without a user name and password.');
  return given.replace(/\/+$/, '');
};

export const isPostgresUrl = (given: string): boolean =>
  /^postgres(?:ql)?:$/.test(URL.parse(given)?.protocol ?? '');

/** @throws CliError, without the connection string: it may hold a password */
export const requirePostgresUrl = (url: string | undefined): string | null => {
  if (url !== undefined && !isPostgresUrl(url)) {
    throw new CliError('--url must be a connection string: postgres://user:password@host/database.');
  }
  if (url !== undefined && hasUnencodedPassword(new URL(url)))
    throw new CliError(`--url ${unencodedPassword}.`);
  return url ?? null;
};

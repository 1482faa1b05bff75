import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { CliError } from './cli-error.ts';

/** What a script passes on of a variable that it has not got means nothing, and not what leaving it out does. */
const refuseEmpty = (values: Readonly<Record<string, unknown>>): void => {
  const empty = Object.keys(values).find((name) =>
    [values[name]].flat().some((value) => typeof value === 'string' && value.trim() === ''),
  );
  if (empty !== undefined) throw new Error(`--${empty} is empty.`);
};

/** The options of this program; `--help` prints the usage and ends it. @throws CliError about what is no option */
export const readOptions = <const Options extends ParseArgsOptionsConfig>(
  options: Options,
  usage: string,
) => {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    const { values } = parseArgs({ options });
    refuseEmpty(values);
    return values;
  } catch (error) {
    throw new CliError(`${(error as Error).message}\n\n${usage}`);
  }
};

/** Where a service answers. @throws CliError, without the URL: it may hold a password */
export const readServiceUrl = <Url extends string | undefined>(given: Url): Url => {
  if (given === undefined) return given;
  const url = URL.parse(given);
  if (!url || !/^https?:\/\//.test(given))
    throw new CliError('--url wants a URL that begins with http:// or https://.');
  if (url.username || url.password) throw new CliError('--url wants a URL without a user name and password.');
  return given;
};

/** @throws CliError */
export const requirePostgresUrl = (url: string | undefined): string | null => {
  if (url !== undefined && !/^postgres(?:ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CliError('--url must be a connection string: postgres://user:password@host/database.');
  }
  return url ?? null;
};

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { Sentence } from './sentence.ts';

/** The options of this program; `--help` prints the usage and ends it. @throws Sentence about what is no option */
export const readOptions = <const Options extends ParseArgsOptionsConfig>(
  options: Options,
  usage: string,
) => {
  if (process.argv.slice(2).includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Sentence(`${(error as Error).message}\n\n${usage}`);
  }
};

/** Where a service answers. @throws Sentence, without the URL: it may hold a password */
export const readServiceUrl = <Url extends string | undefined>(given: Url): Url => {
  if (given === undefined) return given;
  const url = URL.parse(given);
  if (!url || !/^https?:\/\//.test(given))
    throw new Sentence('--url wants a URL that begins with http:// or https://.');
  if (url.username || url.password) throw new Sentence('--url wants a URL without a user name and password.');
  return given;
};

/** @throws Sentence */
export const requirePostgresUrl = (url: string | undefined): string | null => {
  if (url !== undefined && !/^postgres(?:ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Sentence('--url must be a connection string: postgres://user:password@host/database.');
  }
  return url ?? null;
};

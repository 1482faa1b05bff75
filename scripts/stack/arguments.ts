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

/** @throws Sentence */
export const requirePostgresUrl = (url: string | undefined): string | null => {
  if (url !== undefined && !/^postgres(?:ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Sentence('--url must be a connection string: postgres://user:password@host/database.');
  }
  return url ?? null;
};

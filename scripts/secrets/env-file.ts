import { parseEnv } from 'node:util';
import { CliError } from '../program/cli.ts';
import type { Secrets } from './rotation.ts';

const isReadBack = (line: string, name: string, value: string): boolean => parseEnv(line)[name] === value;

const lineOf = (name: string, value: string): string => {
  // In double quotes a backslash is not itself for every reader.
  const quotes = value.includes('\\') ? ["'", '`'] : ["'", '"', '`'];
  const spellings = quotes
    .filter((quote) => !value.includes(quote))
    .map((quote) => `${name}=${quote}${value}${quote}`);
  const line = spellings.find((spelling) => isReadBack(spelling, name, value));
  if (line === undefined)
    throw new CliError(`${name} has characters that an .env file cannot hold. Nothing was changed.`);
  return line;
};

/** As an .env file, which `wrangler secret bulk` reads too. @throws CliError for what would come back changed */
export const envLines = (secrets: Secrets): string =>
  Object.entries(secrets)
    .flatMap(([name, value]) => (value === null ? [] : [lineOf(name, value)]))
    .join('\n');

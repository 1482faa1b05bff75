import { parseEnv } from 'node:util';
import { CliError } from '../program/cli.ts';
import type { Secrets } from './rotation.ts';

const lineOf = (name: string, value: string): string => {
  // Between double quotes some readers change a backslash.
  const quotes = value.includes('\\') ? ["'", '`'] : ["'", '"', '`'];
  const line = quotes
    .filter((quote) => !value.includes(quote))
    .map((quote) => `${name}=${quote}${value}${quote}`)
    .find((spelling) => parseEnv(spelling)[name] === value);
  if (line !== undefined) return line;
  throw new CliError(`${name} has characters that an .env file cannot hold. Nothing was changed.`);
};

/** As an .env file, which `wrangler secret bulk` reads too. @throws CliError for a value that would come back changed */
export const envLines = (secrets: Secrets): string =>
  Object.entries(secrets)
    .flatMap(([name, value]) => (value === null ? [] : [lineOf(name, value)]))
    .join('\n');

/**
 * A value as one line of an env file, a PEM too, so that `grep` finds all of it. Itsor, a shell and dotenv read it alike:
 * where they leave `\n` as it is, Itsor takes it for a line break.
 */
export const oneLine = (value: string): string =>
  value.includes('\n') ? `"${value.trim().replaceAll('\n', '\\n')}"` : value;

/** A shorter line of a PEM gives nothing away, and would blot out words of a sentence. */
const shortestLine = 8;

const spellings = (value: string): string[] => {
  const lines = value.split('\n').filter((line) => line.length > shortestLine && !line.startsWith('-----'));
  return [value, value.trim(), ...value.split(','), ...lines].flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
  ]);
};

/** wrangler may quote a value that it was given: whole, as JSON has it, or an entry or a line of it. */
export const withoutValues = (text: string, values: readonly string[]): string =>
  [...new Set(values.flatMap(spellings))]
    .filter((spelling) => spelling.trim() !== '')
    .toSorted((a, b) => b.length - a.length)
    .reduce((shown, spelling) => shown.replaceAll(spelling, '[redacted]'), text);

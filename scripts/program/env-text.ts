import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { CliError } from './cli.ts';

/** The first bytes of a text that editors and shells of Windows write (Encoding standard, section 6). */
const marks = [
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
] as const;

const decode = (bytes: Uint8Array, encoding: string): string => {
  // A byte order mark would become a part of the first name; the decoder takes it away.
  const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  if (text.includes('\0')) throw new TypeError('UTF-16 without a byte order mark');
  return text;
};

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(["'`]?)/;

/** Whether a line sets a variable of Itsor, which no line of a key or of JSON does. */
const setsVariable = (line: string): boolean => isConfigVariable(assignment.exec(line)?.[1] ?? '');

/** What is wrong with the first line that is wrong, or null. A quoted value may have several lines. */
const firstFault = (text: string): string | null => {
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [start, name, quote] = assignment.exec(line) ?? [];
    if (start === undefined)
      return `line ${at + 1}, names no variable; it must read NAME=value, or begin with #.`;
    if (!quote && /^[^#]*[^\s#]#/.test(line.slice(start.length - 1)))
      return `line ${at + 1}, sets ${name} to a value that ends at #; put the value in quotes.`;
    if (!quote || line.includes(quote, start.length)) continue;
    const end = lines.findIndex((later, index) => index > at && later.includes(quote));
    // Another quoted value may begin further down: the lines up to there would be lost in this one.
    if (end === -1 || lines.slice(at + 1, end + 1).some(setsVariable))
      return `line ${at + 1}, opens a value with ${quote} and does not close it.`;
    at = end;
  }
  return null;
};

/**
 * The text of an env file: UTF-8, or UTF-16 with its mark. Node's parser skips a line that names no variable, so a
 * misspelled one would count for nothing, and no line is quoted here because it may be a secret.
 * @throws CliError
 */
export const readEnvText = (fileName: string, bytes: Uint8Array): string => {
  const encoding = marks.find((mark) => mark.bytes.every((byte, at) => bytes[at] === byte))?.encoding;
  let text: string;
  try {
    text = decode(bytes, encoding ?? 'utf-8');
  } catch {
    throw new CliError(`${fileName} is no text in UTF-8; save it in that encoding.`);
  }
  const fault = firstFault(text);
  if (fault === null) return text;
  throw new CliError(`${fileName}, ${fault}`);
};

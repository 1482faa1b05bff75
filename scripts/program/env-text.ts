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

const assignment = /^\s*(?:export\s+)?[A-Za-z_][\w.-]*\s*=\s*(["'`]?)/;

/** The number of the first line that names no variable, or null. A quoted value may have several lines. */
const firstStrayLine = (text: string): number | null => {
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [start, quote] = assignment.exec(line) ?? [];
    if (start === undefined) return at + 1;
    if (!quote || line.includes(quote, start.length)) continue;
    const end = lines.findIndex((later, index) => index > at && later.includes(quote));
    // Without another quote the value is this line.
    if (end !== -1) at = end;
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
  const stray = firstStrayLine(text);
  if (stray === null) return text;
  throw new CliError(
    `${fileName}, line ${stray}, names no variable; it must read NAME=value, or begin with #.`,
  );
};

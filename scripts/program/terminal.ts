import { createInterface } from 'node:readline';
import { createInterface as createQuestions } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { Password } from '../../src/platform/schema/text.ts';
import { CliError } from './cli.ts';

/** The text between a scheme and the last @ of one entry of a list, well-formed or not. */
const userinfo = /([\w.+-]+:\/\/)(?:(?![\s,;"'|][\w.+-]+:\/\/)[\s\S])*@/g;
/** The same where the slashes are missing: user:password@host, https:/user:password@host. */
const bareUserinfo = /([\w.+-]+:)(?!\/\/\[redacted\])[^\s"']*@/g;
/** password=…, of a query or of a connection string of libpq. */
const named =
  /((?:password|passwd|pwd|secret|token|signature|api[_-]?key|access[_-]?key)\s*=\s*)(?:'[^']*'|"[^"]*"|[^\s&;,]+)/gi;

/** One line for a terminal, of a text from elsewhere: without control characters, and without passwords in URLs. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' ')
    .split(ownExample)
    .map(redacted)
    .join('postgres://user:password@');

/** The form of a connection string in our own sentences, which tells no secret. */
const ownExample = /(?<=^|\s)postgres:\/\/user:password@(?=host\/database(?:[?.,;\s]|$))/;

const redacted = (text: string): string =>
  text
    .replace(userinfo, '$1[redacted]@')
    .replace(bareUserinfo, '$1[redacted]@')
    .replace(named, '$1[redacted]');

/** A value with every text in it made printable. */
export const printableAll = <T>(value: T): T => {
  if (typeof value === 'string') return printable(value) as T;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(printableAll) as T;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, printableAll(each)])) as T;
};

/**
 * Asks before something is destroyed. The question goes to standard error, because standard output may be a file.
 *
 * @throws CliError unless the answer is yes, and where there is no terminal to ask at
 */
export const confirm = async (question: string): Promise<void> => {
  if (!process.stdin.isTTY) throw new CliError('There is no terminal to confirm it at: give --yes.');
  const terminal = createQuestions({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D are answers too.
  const answer = await terminal.question(`${question} Type yes: `).catch(() => '');
  terminal.close();
  if (answer.trim() !== 'yes') throw new CliError('Nothing was changed.');
};

/**
 * A prompt without echo asks twice; without a terminal, standard input is the password. `judge` throws where the password
 * does not serve, before it is asked for again.
 *
 * @throws CliError
 */
export const readPassword = async (
  judge: (password: string) => Promise<void> = async () => {},
): Promise<string> => {
  const check = async (text: string): Promise<string> => {
    const parsed = Password.safeParse(text);
    if (!parsed.success)
      throw new CliError(`The password ${parsed.error.issues.map(({ message }) => message).join(', ')}.`);
    await judge(parsed.data);
    return parsed.data;
  };
  return process.stdin.isTTY ? askTwice(check) : check(await readPiped());
};

const readPiped = async (): Promise<string> => {
  const text = decode(await buffer(process.stdin)).replace(/\r?\n$/, '');
  if (text === '') {
    throw new CliError(
      'No password: it is read from standard input, which was empty. At a terminal it is asked for.',
    );
  }
  if (/[\r\n]/.test(text)) throw new CliError('Standard input has more than one line; the password is one.');
  return text;
};

const decode = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('The password on standard input is not UTF-8.');
  }
};

const askTwice = async (check: (password: string) => Promise<string>): Promise<string> => {
  // The line editor echoes the typed text to this stream, which drops it.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  terminal.on('SIGINT', () => terminal.close());
  // An iterator keeps the lines that arrive before they are asked for, such as pasted ones.
  const lines = terminal[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    process.stderr.write(question);
    const { value, done } = await lines.next();
    process.stderr.write('\n');
    if (done) throw new CliError('Stopped before there was a password; nothing was written.');
    return value;
  };
  try {
    const password = await ask('Password (not shown): ');
    if (password === '') throw new CliError('No password was typed; nothing was written.');
    const checked = await check(password);
    if ((await ask('Once more: ')) === password) return checked;
    throw new CliError('The two passwords differ; nothing was written.');
  } finally {
    terminal.close();
  }
};

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { Password } from '../../src/platform/schema/text.ts';
import { CliError } from '../stack/cli-error.ts';

/** From a prompt without echo, twice; or all of standard input, where that is no terminal. @throws CliError */
export const readPassword = async (): Promise<string> => {
  const password = process.stdin.isTTY ? await askTwice() : await readPiped();
  const parsed = Password.safeParse(password);
  if (parsed.success) return parsed.data;
  throw new CliError(`The password ${parsed.error.issues.map(({ message }) => message).join(', ')}.`);
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

const askTwice = async (): Promise<string> => {
  // A line editor that draws what is typed into nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  terminal.on('SIGINT', () => terminal.close());
  // An iterator keeps the lines that come before they are asked for, as pasted ones do.
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
    if ((await ask('Once more: ')) === password) return password;
    throw new CliError('The two passwords differ; nothing was written.');
  } finally {
    terminal.close();
  }
};

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { canonicalEmail } from '../../src/accounts/rules/account.ts';
import { Email, Password, Username } from '../../src/platform/schema/text.ts';
import { readOptions, requirePostgresUrl } from '../stack/arguments.ts';
import { CliError } from '../stack/cli-error.ts';

const usage = `npm run admin:create -- --email ada@example.com [--username ada] [--url postgres://…]
  Makes an administrator of the account that has the address, or of a new one.
The password is asked for, or read from standard input where that is no terminal.
Without --url: DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

const text = { type: 'string' } as const;

/** The account, and the URL of its database; null where the variables say it. @throws CliError */
export const readArguments = () => {
  if (process.argv.slice(2).some((argument) => /^--?pass/.test(argument))) {
    throw new CliError(
      'A password is no argument: the list of processes and the history of the shell would keep it. It is asked for, or read from standard input.',
    );
  }
  const { url, email, username } = readOptions({ email: text, username: text, url: text }, usage);
  if (email === undefined) throw new CliError(`Whose account? Give --email, after a --.\n\n${usage}`);
  const parsedEmail = Email.safeParse(email.trim());
  if (!parsedEmail.success) throw new CliError(`--email: ${parsedEmail.error.issues[0]?.message}.`);
  const parsedUsername = Username.nullable().safeParse(username ?? null);
  if (!parsedUsername.success) throw new CliError(`--username: ${parsedUsername.error.issues[0]?.message}.`);
  return {
    url: requirePostgresUrl(url),
    email: canonicalEmail(parsedEmail.data),
    username: parsedUsername.data,
  };
};

/** From a prompt without echo, twice; or all of standard input, where that is no terminal. @throws CliError */
export const readPassword = async (): Promise<string> => {
  const password = process.stdin.isTTY ? await askTwice() : await readPiped();
  const parsed = Password.safeParse(password);
  if (parsed.success) return parsed.data;
  throw new CliError(`The password ${parsed.error.issues.map(({ message }) => message).join(', ')}.`);
};

const readPiped = async (): Promise<string> => {
  const piped = decode(await buffer(process.stdin)).replace(/\r?\n$/, '');
  if (piped === '') {
    throw new CliError(
      'No password: it is read from standard input, which was empty. At a terminal it is asked for.',
    );
  }
  if (/[\r\n]/.test(piped)) throw new CliError('Standard input has more than one line; the password is one.');
  return piped;
};

const decode = (bytes: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError('The password on standard input is not UTF-8.');
  }
};

const askTwice = async (): Promise<string> => {
  // A line editor whose output goes nowhere, so that the terminal does not show the password.
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

import { parseArgs } from 'node:util';
import { canonicalEmail } from '../../src/accounts/rules/account.ts';
import { Email, Username } from '../../src/platform/schema/text.ts';
import { CliError } from '../program/cli.ts';

const usage = `npm run admin:create -- --email ada@example.com [--username ada] [--url postgres://…]
The password is asked for, or read from standard input where that is no terminal.
Without --url: DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

export type Arguments = {
  readonly email: string;
  readonly username: string | null;
  /** Of the database; null where the variables say it. */
  readonly url: string | null;
};

/** @throws CliError about the first thing that is wrong */
export const readArguments = (args: readonly string[]): Arguments => {
  if (args.some((argument) => /^--?pass/.test(argument))) {
    throw new CliError(
      'A password is no argument: the list of processes and the history of the shell would keep it. It is asked for, or read from standard input.',
    );
  }
  const { url, email, username } = parse(args);
  if (email === undefined) throw new CliError(`Whose account? Give --email, after a --.\n\n${usage}`);
  const parsedEmail = Email.safeParse(email.trim());
  if (!parsedEmail.success) throw new CliError(`--email: ${parsedEmail.error.issues[0]?.message}.`);
  const parsedUsername = Username.nullable().safeParse(username ?? null);
  if (!parsedUsername.success) throw new CliError(`--username: ${parsedUsername.error.issues[0]?.message}.`);
  if (url !== undefined && !/^postgres(?:ql)?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CliError('--url must be a connection string: postgres://user:password@host/database.');
  }
  return { url: url ?? null, email: canonicalEmail(parsedEmail.data), username: parsedUsername.data };
};

const parse = (args: readonly string[]) => {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({ args: [...args], options: { email: text, username: text, url: text } }).values;
  } catch (error) {
    throw new CliError(`${(error as Error).message}\n\n${usage}`);
  }
};

import { Email, Username } from '../../src/platform/schema/text.ts';
import { CliError } from '../program/cli.ts';
import { readOptions, requirePostgresUrl } from '../program/options.ts';

const usage = `npm run admin:create -- --email ada@example.com [--username ada] [--unverified] [--url postgres://…]
  Makes an administrator of the account that has the address, or of a new one.
  --unverified  also of an account whose address nobody has verified; without it, a stranger's sign-up stays as it is
The password is asked for, or read from standard input where that is no terminal.
Without --url: DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

const text = { type: 'string' } as const;

const flawsOf = (option: string, issues: readonly { message: string }[] = []): string[] =>
  issues.length === 0 ? [] : [`${option}: ${issues.map(({ message }) => message).join('; ')}.`];

/** The account, and the URL of its database; null where the variables say it. @throws CliError */
export const readArguments = () => {
  if (process.argv.slice(2).some((argument) => /^--?pass/.test(argument))) {
    throw new CliError(
      'A password is no argument: the list of processes and the history of the shell would keep it. It is asked for, or read from standard input.',
    );
  }
  const { url, email, username, unverified } = readOptions(
    { email: text, username: text, unverified: { type: 'boolean', default: false }, url: text },
    usage,
  );
  if (email === undefined) throw new CliError(`Whose account? Give --email, after a --.\n\n${usage}`);
  const parsedEmail = Email.safeParse(email);
  const parsedUsername = Username.nullable().safeParse(username ?? null);
  const flaws = [
    ...flawsOf('--email', parsedEmail.error?.issues),
    ...flawsOf('--username', parsedUsername.error?.issues),
  ];
  if (!parsedEmail.success || !parsedUsername.success) throw new CliError(flaws.join('\n'));
  return {
    url: requirePostgresUrl(url),
    email: parsedEmail.data,
    username: parsedUsername.data,
    acceptUnverified: unverified,
  };
};

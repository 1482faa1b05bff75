import { v7 as uuidv7 } from 'uuid';
import { type Appointment, createAdministratorSql } from '../../src/administration/sql/administrators.ts';
import type { PasswordConfig } from '../../src/platform/config/schema.ts';
import type { Database } from '../../src/platform/db/client.ts';
import { CliError } from '../program/cli.ts';
import { readPassword } from '../program/terminal.ts';
import { contextNow } from './database.ts';
import { hashPassword, requireGoodPassword } from './passwords.ts';

type Request = {
  readonly email: string;
  readonly username: string | null;
  /** Also an account whose address nobody has verified. */
  readonly acceptUnverified: boolean;
  readonly config: PasswordConfig;
  /** The database in words. */
  readonly place: string;
};

/** @returns the result, in sentences @throws CliError; then nothing was written */
export const createAdministrator = async (db: Database, request: Request): Promise<string> => {
  const { email, username, acceptUnverified, place } = request;
  const administrators = createAdministratorSql({
    db,
    newId: (now) => uuidv7({ msecs: now.getTime() }),
    source: 'admin:create',
  });

  const known = await administrators.appoint(contextNow(), email, { acceptUnverified });
  if (known) return describe(known, request);
  if (username !== null && (await administrators.isUsernameTaken(contextNow(), username)))
    throw taken(username);

  const passwordHash = await choosePassword(request);
  const outcome = await administrators.create(contextNow(), { email, username, passwordHash });
  switch (outcome) {
    case 'created':
      return `${email} is an administrator in ${place}: a new account, whose address counts as verified.`;
    case 'username_taken':
      throw taken(username);
    case 'email_taken':
      // The operator asked for an account with this password, and does not know whose the new one is.
      throw new CliError(
        `A sign-up has just created the account ${email}. Nothing was written; run this again to make it an administrator.`,
      );
  }
};

const choosePassword = async ({ email, username, config }: Request): Promise<string> => {
  const password = await readPassword((typed) =>
    requireGoodPassword(contextNow(), { password: typed, email, username }, config),
  );
  return hashPassword(password, config);
};

const taken = (username: string | null) => new CliError(`The user name ${username} is taken.`);

const describe = ({ kind, emailVerified }: NonNullable<Appointment>, { email, place }: Request): string => {
  switch (kind) {
    case 'disabled':
      throw new CliError(`The account of ${email} is disabled in ${place}, and was left so.`);
    case 'unverified':
      throw new CliError(
        `The address of the account ${email} in ${place} is not verified, so the account could be a stranger's. Nothing was changed. Verify the address, or, if you have made the account yourself, add --unverified.`,
      );
    case 'already':
      return `${email} is an administrator in ${place} already. Nothing was changed.`;
    case 'appointed': {
      const caution = emailVerified ? '' : '\nIts address is not verified.';
      return `${email} has an account in ${place}, which is an administrator's now. Its password, its user name and all else stay as they were.${caution}`;
    }
  }
};

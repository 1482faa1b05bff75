import { canonicalName, namesEmail, typedEmail } from '../../platform/rules/typed-text.ts';

/** An account as the database has it, without its credentials. */
export type AccountRecord = {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly username: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly createdAt: Date;
  readonly passwordChangedAt: Date | null;
  /** An administrator has asked for a new password. */
  readonly passwordChangeDemanded: boolean;
};

/** What an administrator who creates an account learns about it without the permission to read accounts. */
export type NewUser = Pick<ManagedAccount, 'id' | 'email' | 'username' | 'roles' | 'createdAt' | 'version'>;

/** An account as its owner sees it. */
export type Account = AccountRecord & { readonly mustChangePassword: boolean };

/** An account as administrators see it. */
export type ManagedAccount = AccountRecord & {
  readonly disabled: boolean;
  readonly updatedAt: Date;
  /** Changes with every write to the account; for preconditions. */
  readonly version: string;
};

/** What an administrator changes about an account; undefined members stay as they are. */
export type AccountEdit = {
  readonly roles?: readonly string[] | undefined;
  readonly disabled?: boolean | undefined;
  readonly mustChangePassword?: boolean | undefined;
  readonly username?: string | null | undefined;
  /** Null removes it. */
  readonly password?: null | undefined;
};

/** The same, with the age of the password taken into account. */
export type ManagedUser = ManagedAccount & Pick<Account, 'mustChangePassword'>;

/** The account as a session gate remembers it. */
export const accountToText = (account: AccountRecord): string => JSON.stringify(account);

type Written = Omit<AccountRecord, 'createdAt' | 'passwordChangedAt'> & {
  readonly createdAt: string;
  readonly passwordChangedAt: string | null;
};

/** @param text what `accountToText` wrote */
export const accountOfText = (text: string): AccountRecord => {
  const { createdAt, passwordChangedAt, ...rest } = JSON.parse(text) as Written;
  return {
    ...rest,
    createdAt: new Date(createdAt),
    passwordChangedAt: passwordChangedAt === null ? null : new Date(passwordChangedAt),
  };
};

const dayMs = 86_400_000;

/**
 * Whether the owner has to choose a new password. An account without a password never has to.
 * @param maxAgeDays null: a password does not age (NIST SP 800-63B-4 section 3.1.1.2)
 */
export const withPasswordAge = <Record extends AccountRecord>(
  record: Record,
  maxAgeDays: number | null,
  now: Date,
): Record & { readonly mustChangePassword: boolean } => {
  const { passwordChangedAt, passwordChangeDemanded } = record;
  const ageMs = passwordChangedAt ? now.getTime() - passwordChangedAt.getTime() : 0;
  const tooOld = maxAgeDays !== null && ageMs > maxAgeDays * dayMs;
  const hasPassword = passwordChangedAt !== null;
  return { ...record, mustChangePassword: hasPassword && (passwordChangeDemanded || tooOld) };
};

/** What names an account at a login, in the one form in which it is looked up and counted. */
export type LoginName = { readonly kind: 'email' | 'username'; readonly value: string };

/** Reads what a person types at a login: an e-mail address if it has an `@`, else a user name. */
export const loginNameOf = (typed: string): LoginName =>
  namesEmail(typed)
    ? { kind: 'email', value: typedEmail(typed) }
    : { kind: 'username', value: canonicalName(typed) };

/** Everything that names an account at a login. */
export const identifiersOf = ({
  email,
  username,
}: Pick<AccountRecord, 'email' | 'username'>): readonly LoginName[] => [
  { kind: 'email', value: email },
  ...(username === null ? [] : [{ kind: 'username', value: username } as const]),
];

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

/** The form in which an address is stored and looked up. */
export const canonicalEmail = (email: string): string => email.toLowerCase();

/** The names that an account can log in with. */
export const identifiersOf = ({ email, username }: Pick<AccountRecord, 'email' | 'username'>): string[] =>
  username === null ? [email] : [email, username];

/** What a person types to say who they are: an e-mail address if it has an `@`, else a user name. */
export const parseIdentifier = (identifier: string): { email: string } | { username: string } =>
  identifier.includes('@') ? { email: canonicalEmail(identifier) } : { username: identifier.toLowerCase() };

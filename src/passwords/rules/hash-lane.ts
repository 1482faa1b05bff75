import { type Networks, widestOf } from '../../platform/rules/network.ts';

/** What a password is hashed for. Logins have turns of their own, so that no other hash keeps people out. */
export type HashPurpose = 'login' | 'session' | 'signup' | 'reset' | 'administration';

/** For whom a password is hashed: the turns of the queue go round by it. */
export type HashLane = {
  readonly purpose: HashPurpose;
  /** An IPv4 address, or an IPv6 /48, which is what one site gets (RFC 6177 section 2). */
  readonly network: string;
  /** The account's id, or the name that was typed where nobody is logged in. */
  readonly account: string;
};

/** For whom a password is hashed; `signal` fires when the request is over. */
export type HashCaller = HashLane & { readonly signal?: AbortSignal };

/** The caller of a hash of this request. @param account its id, or the name that was typed where nobody is logged in */
export const hashCaller = (
  { networks, signal }: { readonly networks: Networks; readonly signal: AbortSignal },
  purpose: HashPurpose,
  account: string,
): HashCaller => ({ purpose, network: widestOf(networks), account, signal });

/** Argon2id (RFC 9106) behind a bounded queue that is shared fairly. */
export type PasswordHasher = {
  /**
   * Refuses at the beginning of a flow, before the database has any work with it.
   * @returns a function for the end of a flow behind a session: it gives back the room that no hash has used
   * @throws AppError `overloaded` when the queue has no room for this caller
   */
  readonly refuseIfFull: (caller: HashCaller) => () => void;
  /**
   * Runs other work that keeps the thread for as long as a hash or longer, in its turn among the hashes.
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly inTurn: <T>(work: () => T, caller: HashCaller) => Promise<T>;
  /**
   * @returns a PHC string under the configured parameters
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly hash: (password: string, caller: HashCaller) => Promise<string>;
  /**
   * Compares in constant time. Null (no such user, or no password) costs the same as a wrong password.
   * @returns `outdated` when the PHC string was made with other than the configured parameters
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly verify: (
    password: string,
    phc: string | null,
    caller: HashCaller,
  ) => Promise<{ valid: boolean; outdated: boolean }>;
};

import type { HashCaller } from './hash-lane.ts';

/** Argon2id (RFC 9106) behind a bounded queue that is shared fairly. */
export type PasswordHasher = {
  /**
   * For the beginning of a flow: a full queue then costs neither the flow nor the database anything.
   * @returns to be called at the end of a flow behind a session: it gives back the room that no hash has used
   * @throws AppError `overloaded` when the queue has no room for this caller
   */
  readonly refuseIfFull: (caller: HashCaller) => () => void;
  /**
   * Other work that keeps the thread for as long as a hash or longer, in its turn among the hashes.
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

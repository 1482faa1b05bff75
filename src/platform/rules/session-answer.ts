/** When a read of the database began: before or after which change of the account. It comes back with what was read. */
export type Epoch = {
  /** The life of the object that gave the epoch. One that was evicted since may have missed changes. */
  readonly life: string;
  readonly changes: number;
  readonly atMs: number;
};

export type SessionAnswer = {
  /** The account, in JSON, of a session that is known to be live. */
  readonly account: string | null;
  /** The session is known to have ended. */
  readonly isOver: boolean;
  readonly epoch: Epoch;
};

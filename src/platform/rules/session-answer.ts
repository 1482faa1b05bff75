/** When a read of the database began: before or after which change of the account. It comes back with what was read. */
export type Epoch = {
  /** The life of the object that gave the epoch. One that was evicted since may have missed changes. */
  readonly life: string;
  readonly changes: number;
  readonly atMs: number;
};

/** What a session gate knows of a session: the account, in JSON, if it is known to be live. */
export type SessionAnswer = { readonly account: string | null; readonly epoch: Epoch };

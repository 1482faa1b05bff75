/** A named set of permissions. */
export type Role = {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly createdAt: Date;
  /** The service relies on it: it cannot be deleted. */
  readonly builtIn: boolean;
  /** Changes with every write; for preconditions. */
  readonly version: string;
};

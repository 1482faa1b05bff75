/** A named set of permissions. */
export type Role = {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly createdAt: Date;
  /** The service relies on the role, so it cannot be deleted. */
  readonly builtIn: boolean;
  /** Changes with every write to the role; for preconditions. */
  readonly version: string;
};

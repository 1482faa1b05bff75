/** For which versions of a resource a request is meant (RFC 9110 section 13.1). */
export type Preconditions = {
  /** Null: any. */
  readonly ifMatch: readonly string[] | null;
  readonly mustExist: boolean;
  readonly mustNotExist: boolean;
};

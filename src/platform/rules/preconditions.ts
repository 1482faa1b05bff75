/** The versions of a resource that a request accepts (RFC 9110 section 13.1). */
export type Preconditions = {
  /** Null for any version. Weak tags never match here (section 13.1.1), so they are left out. */
  readonly ifMatch: readonly string[] | null;
  readonly mustExist: boolean;
  /** The versions that the client has already. */
  readonly ifNoneMatch: readonly string[];
  readonly mustNotExist: boolean;
};

/** The result of reading an existing resource, in the order of section 13.2.2. */
export const judgeRead = (
  { ifMatch, ifNoneMatch, mustNotExist }: Preconditions,
  version: string,
): 'proceed' | 'failed' | 'unmodified' => {
  if (ifMatch !== null && !ifMatch.includes(version)) return 'failed';
  return mustNotExist || ifNoneMatch.includes(version) ? 'unmodified' : 'proceed';
};

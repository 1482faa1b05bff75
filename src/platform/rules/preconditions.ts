/** For which versions of a resource a request is meant (RFC 9110 section 13.1). */
export type Preconditions = {
  /** Null: any. Without the weak ones, which never match here (section 13.1.1). */
  readonly ifMatch: readonly string[] | null;
  readonly mustExist: boolean;
  /** Those that a reader has already. */
  readonly ifNoneMatch: readonly string[];
  readonly mustNotExist: boolean;
};

/** What a read of something that is there comes to, in the order of section 13.2.2. */
export const judgeRead = (
  { ifMatch, ifNoneMatch, mustNotExist }: Preconditions,
  version: string,
): 'proceed' | 'failed' | 'unmodified' => {
  if (ifMatch !== null && !ifMatch.includes(version)) return 'failed';
  return mustNotExist || ifNoneMatch.includes(version) ? 'unmodified' : 'proceed';
};

/** What lies behind an error, for instance behind the words "fetch failed". */
export const causeOf = (error: Error): Error => (error.cause instanceof Error ? causeOf(error.cause) : error);

/** More than the statements of these flows take; a slower database hides a millisecond or two by itself. */
const shortestMs = 150;

/**
 * Keeps the result of `work` back until 150 ms have passed. For an answer that must not tell whether an account exists
 * (OWASP ASVS 5.0, 6.3.8), where the statement has to write more rows if one does. An error passes at once.
 */
export const evenOut = async <T>(work: Promise<T>): Promise<T> => {
  const [result] = await Promise.all([work, scheduler.wait(shortestMs)]);
  return result;
};

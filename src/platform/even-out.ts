/**
 * Keeps the result of `work` back until `shortestMs` have passed. For an answer that must not tell whether an account
 * exists (OWASP ASVS 5.0, 6.3.8), where the statement has to write more rows if one does. An error passes at once.
 */
export const evenOut = async <T>(work: Promise<T>, shortestMs: number): Promise<T> => {
  const [result] = await Promise.all([work, shortestMs > 0 && scheduler.wait(shortestMs)]);
  return result;
};

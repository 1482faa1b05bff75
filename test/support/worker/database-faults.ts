import { inject, vi } from 'vitest';

/** One statement on its way: `run` lets the real database do it, `signal` is what its request was given. */
export type Statement = { readonly run: () => Promise<Response>; readonly signal: AbortSignal | undefined };
export type Fault = (statement: Statement) => Promise<Response>;

/** Never answers; ends when it is aborted, as a connection does. */
export const silence: Fault = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

/** The statement is done and committed, and nobody hears of it. */
export const lostReply: Fault = async (statement) => {
  await statement.run();
  return silence(statement);
};

/** Puts a fault between the app and its database, until `repair`; tells what has been sent there. */
export const injectFault = (fault: Fault): { statements: readonly Statement[]; repair: () => void } => {
  const statements: Statement[] = [];
  const passOn = globalThis.fetch;
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
    if (String(target) !== inject('neonEndpoint')) return passOn(target, init);
    const statement = { run: () => passOn(target, init), signal: init?.signal ?? undefined };
    statements.push(statement);
    return fault(statement);
  });
  return { statements, repair: () => spy.mockRestore() };
};

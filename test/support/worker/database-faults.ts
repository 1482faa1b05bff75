import { inject, vi } from 'vitest';

/** A statement on its way: `run` sends it to the real database, `signal` is the signal of its request. */
export type Statement = { readonly run: () => Promise<Response>; readonly signal: AbortSignal | undefined };
export type Fault = (statement: Statement) => Promise<Response>;

/** Never answers; ends when it is aborted, like a connection. */
export const silence: Fault = ({ signal }) =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

/** The statement is committed, and its answer is lost. */
export const lostReply: Fault = async (statement) => {
  await statement.run();
  return silence(statement);
};

/** The fault of the first statements; those after them are answered. */
export const atFirst = (count: number, fault: Fault): Fault => {
  let left = count;
  return (statement) => (left-- > 0 ? fault(statement) : statement.run());
};

/** Puts a fault between the app and its database until `repair`, and records the statements. */
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

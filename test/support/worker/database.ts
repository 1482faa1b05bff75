import { neon } from '@neondatabase/serverless';
import { inject, vi } from 'vitest';

/** Looks at the database past the app, as the app's own role; its endpoint is the one that the app has set. */
export const sql = neon(inject('databaseUrl'));

/** How many round trips to the database the work takes, what goes on after the response included. */
export const countRoundTrips = async (work: () => Promise<unknown>): Promise<number> => {
  // A test may stand in for others of whom the app asks something, and goes on doing so.
  const isTaken = vi.isMockFunction(globalThis.fetch);
  const fetches = vi.spyOn(globalThis, 'fetch');
  const before = fetches.mock.calls.length;
  try {
    await work();
    const calls = fetches.mock.calls.slice(before);
    return calls.filter(([target]) => String(target) === inject('neonEndpoint')).length;
  } finally {
    if (!isTaken) fetches.mockRestore();
  }
};

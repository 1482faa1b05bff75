import { neon } from '@neondatabase/serverless';
import { inject, vi } from 'vitest';

/** Looks at the database past the app, as the app's own role; its endpoint is the one that the app has set. */
export const sql = neon(inject('databaseUrl'));

/** How many round trips to the database the work takes, what goes on after the response included. */
export const countRoundTrips = async (work: () => Promise<unknown>): Promise<number> => {
  const fetches = vi.spyOn(globalThis, 'fetch');
  try {
    await work();
    return fetches.mock.calls.filter(([target]) => String(target) === inject('neonEndpoint')).length;
  } finally {
    fetches.mockRestore();
  }
};

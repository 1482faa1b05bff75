import { neon } from '@neondatabase/serverless';
import { inject, vi } from 'vitest';

/** Looks at the database past the app, as the app's own role; its endpoint is the one that the app has set. */
export const sql = neon(inject('databaseUrl'));

/** How often a race is run: the embedded database takes one query at a time, so its first round shows all it can. */
export const raceRounds = (onPostgres: number): number =>
  inject('databaseKind') === 'embedded' ? 1 : onPostgres;

/** How many take part in a race. */
export const raceSize = (onPostgres: number): number =>
  inject('databaseKind') === 'embedded' ? Math.min(onPostgres, 10) : onPostgres;

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

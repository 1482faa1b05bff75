import { secondsAfter } from '../sessions/rules/session.ts';

/** When work on a row is due; null where nothing is left to do. */
export type DueTime = { readonly id: string; readonly at: Date | null };

/**
 * The result of work on a row: nothing is left to do now, or another attempt is to follow. `next`: when more is due about
 * the row; null for nothing; missing where the agenda is to stay as it is.
 */
export type Worked =
  | { readonly kind: 'done'; readonly next?: Date | null }
  | { readonly kind: 'again'; readonly afterSeconds: number };

/** Keeps the times at which work is due, so that nothing has to ask the database meanwhile. */
export type Agenda = {
  /** Replaces the times of those rows. Never rejects: what the agenda does not know is found by the hourly run. */
  readonly set: (times: readonly DueTime[]) => Promise<void>;
};

/** How long the agenda leaves work to the queue, which has it done at once. */
export const queueGraceSeconds = 60;

/** The shortest time between two runs for work that is due; also the wait after a run that failed. */
export const restSeconds = 60;

/** The entry for the earliest work that the database knows of after a run. */
export const nextRun = 'next run';

/** When the next run is to be, by the earliest work that is left. */
export const runAt = (earliest: Date | null, now: Date): Date | null => {
  if (earliest === null) return null;
  const rested = secondsAfter(now, restSeconds);
  return earliest > rested ? earliest : rested;
};

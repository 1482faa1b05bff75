import type { Logger } from '../../platform/context.ts';
import type { JobScope, UploadJobSql } from '../sql/upload-jobs.ts';

/** As many scans as fit beside the mails of the same run. */
const parallel = 3;
/** As many uploads as one run has time for; a few accounts must not keep the files of others waiting for an hour. */
const [uploadsInRound, maxRounds] = [60, 10];
/** After that, work waits for the next run: the mails of a run must not wait for slow scans. */
const startsForMs = 30_000;
const databaseLimitMs = 10_000;

/** Does the work that the queue has lost or cannot hold. */
export const createSweep =
  (parts: {
    readonly jobs: Pick<UploadJobSql, 'due' | 'tidy'>;
    readonly work: (id: string) => Promise<unknown>;
    readonly newScope: (limitMs: number) => JobScope;
    readonly clock: () => Date;
    readonly log: Logger;
  }) =>
  async (): Promise<void> => {
    const { jobs, work, newScope, clock, log } = parts;
    const endsMs = clock().getTime() + startsForMs;
    const isLate = () => clock().getTime() >= endsMs;
    await jobs.tidy(newScope(databaseLimitMs));
    for (let round = 0, isFull = true; isFull && round < maxRounds && !isLate(); round++) {
      const waiting = await jobs.due(newScope(databaseLimitMs), uploadsInRound);
      isFull = waiting.length === uploadsInRound;
      const workOnNext = async (): Promise<void> => {
        for (let id = waiting.shift(); id !== undefined && !isLate(); id = waiting.shift()) {
          await work(id).catch((error: unknown) => log.error('upload work', { upload_id: id, error }));
        }
      };
      await Promise.all(Array.from({ length: parallel }, workOnNext));
    }
  };

import type { Logger } from '../../platform/context.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { quarantinePrefix, readQuarantineKey } from '../rules/upload.ts';
import { orphanAgeSeconds } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobSql } from '../sql/upload-jobs.ts';

/** As many scans as fit beside the mails of the same minute, and as many uploads as one run has time for. */
const parallel = 3;
const maxUploads = 60;
/** Pages of a thousand objects each; the rest waits for the next hour. */
const maxPages = 10;
const databaseLimitMs = 10_000;
const listingLimitMs = 30_000;

/** Does the work that the queue has lost or cannot hold, and once an hour removes objects that no upload wants. */
export const createSweep = (parts: {
  readonly jobs: Pick<UploadJobSql, 'due' | 'tidy' | 'wantedInQuarantine'>;
  readonly store: Pick<ObjectStore, 'list' | 'remove'>;
  readonly work: (id: string) => Promise<unknown>;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
}) => {
  const { jobs, store, work, newScope, log } = parts;

  const workOffDue = async (): Promise<void> => {
    const waiting = await jobs.due(newScope(databaseLimitMs), maxUploads);
    const workOnNext = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        await work(id).catch((error: unknown) => log.error('upload work', { upload_id: id, error }));
      }
    };
    await Promise.all(Array.from({ length: parallel }, workOnNext));
  };

  /** Leaves keys of another shape alone: other programs may use the bucket. */
  const removeOrphans = async (): Promise<void> => {
    const { now, signal } = newScope(listingLimitMs);
    const storedBefore = secondsAfter(now, -orphanAgeSeconds);
    let cursor: string | null = null;
    for (let page = 0; page < maxPages; page++) {
      const listing: Awaited<ReturnType<ObjectStore['list']>> = await store.list(
        quarantinePrefix,
        cursor,
        signal,
      );
      const old = listing.objects.flatMap(({ key, storedAt }) => {
        const place = storedAt < storedBefore ? readQuarantineKey(key) : null;
        return place ? [{ key, id: place.uploadId }] : [];
      });
      const ids = old.map(({ id }) => id);
      const wanted = await jobs.wantedInQuarantine(newScope(databaseLimitMs), ids);
      for (const { key, id } of old) {
        if (wanted.has(id)) continue;
        await store.remove(key, signal);
        log.warn('upload orphan removed', { upload_id: id });
      }
      cursor = listing.cursor;
      if (cursor === null) return;
    }
  };

  return async (): Promise<void> => {
    const scope = newScope(databaseLimitMs);
    await jobs.tidy(scope);
    await workOffDue();
    if (scope.now.getUTCMinutes() === 0) await removeOrphans();
  };
};

import type { Logger } from '../../platform/context.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { quarantinePrefix, readQuarantineKey } from '../rules/upload.ts';
import { orphanAgeSeconds } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobRepository } from '../sql/upload-jobs.ts';
import type { WorkOnUpload } from './work.ts';

/** As many scans as fit beside the mails of the same minute, and as many uploads as one run has time for. */
const parallel = 3;
const maxUploads = 60;
/** Of a thousand objects each; what is beyond them waits for the next hour. */
const maxPages = 10;
const databaseLimitMs = 10_000;
const listingLimitMs = 30_000;

type Deps = {
  readonly jobs: Pick<UploadJobRepository, 'due' | 'tidy' | 'wantedInQuarantine'>;
  readonly store: Pick<ObjectStore, 'list' | 'remove'>;
  readonly work: WorkOnUpload;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
};

/** Does what the queue has lost or cannot hold; once an hour it also looks for objects that no upload wants. */
export const createSweepUploads = ({ jobs, store, work, newScope, log }: Deps) => {
  const workOffDue = async (): Promise<void> => {
    const waiting = await jobs.due(newScope(databaseLimitMs), maxUploads);
    const workOnNext = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        await work(id).catch((error: unknown) => log.error('upload work', { upload_id: id, error }));
      }
    };
    await Promise.all(Array.from({ length: parallel }, workOnNext));
  };

  /** Keys that are not of our making are left alone: the bucket may be older than we are. */
  const removeOrphans = async (): Promise<void> => {
    const { now, signal } = newScope(listingLimitMs);
    const isOld = (storedAt: Date) => storedAt < secondsAfter(now, -orphanAgeSeconds);
    let cursor: string | null = null;
    for (let page = 0; page < maxPages; page++) {
      const listing: Awaited<ReturnType<ObjectStore['list']>> = await store.list(
        quarantinePrefix,
        cursor,
        signal,
      );
      const found = listing.objects.flatMap(({ key, storedAt }) => {
        const place = isOld(storedAt) ? readQuarantineKey(key) : null;
        return place ? [{ key, id: place.uploadId }] : [];
      });
      const wanted = await jobs.wantedInQuarantine(
        newScope(databaseLimitMs),
        found.map(({ id }) => id),
      );
      for (const { key, id } of found) {
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

import type { Logger } from '../../platform/context.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { quarantinePrefix, readQuarantineKey } from '../rules/upload.ts';
import { orphanAgeSeconds } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobSql } from '../sql/upload-jobs.ts';

/** Pages of a thousand objects each; the rest waits for the next hour. */
const maxPages = 10;
const databaseLimitMs = 10_000;
const listingLimitMs = 30_000;

/**
 * Removes objects that no upload wants. A run that is early, late or repeated removes the same: only the age of an object
 * counts. It leaves keys of another shape alone, because other programs may use the bucket.
 */
export const createRemoveOrphans =
  (parts: {
    readonly jobs: Pick<UploadJobSql, 'wantedInQuarantine'>;
    readonly store: Pick<ObjectStore, 'list' | 'remove'>;
    readonly newScope: (limitMs: number) => JobScope;
    readonly log: Logger;
  }) =>
  async (): Promise<void> => {
    const { jobs, store, newScope, log } = parts;
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
      // A page without old objects asks nobody.
      const wanted =
        ids.length === 0 ? new Set<string>() : await jobs.wantedInQuarantine(newScope(databaseLimitMs), ids);
      for (const { key, id } of old) {
        if (wanted.has(id)) continue;
        await store.remove(key, signal);
        log.warn('upload orphan removed', { upload_id: id });
      }
      cursor = listing.cursor;
      if (cursor === null) return;
    }
  };

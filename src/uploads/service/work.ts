import type { Worked } from '../../agenda/rules.ts';
import type { Logger } from '../../platform/context.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { cleanKey, quarantineKey, type UploadRecord } from '../rules/upload.ts';
import { delayAfter, isLost, taskOf } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobSql } from '../sql/upload-jobs.ts';
import type { Scan } from './scan.ts';

const databaseLimitMs = 10_000;
/** Long enough to copy the largest object, and shorter than the first lease, as a scan is. */
const storageLimitMs = 240_000;

const done: Worked = { kind: 'done' };

/**
 * Does what is due about one upload: has it scanned, moves it out of quarantine, or deletes it. Each piece of work can
 * be done twice, or by two workers at once, with the same result.
 * @throws AppError `service_unavailable` or `timeout`; the upload is due again when the lease ends
 */
export const createWork = (parts: {
  readonly jobs: UploadJobSql;
  readonly store: ObjectStore;
  /** Null: there is no scanner, and files that wait for one fail after their attempts. */
  readonly scan: Scan | null;
  readonly enqueue: (id: string) => Promise<void>;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
}) => {
  const { jobs, store, scan, enqueue, newScope, log } = parts;
  const scope = () => newScope(databaseLimitMs);

  const removeBytes = async ({ objectName }: UploadRecord): Promise<void> => {
    const signal = AbortSignal.timeout(storageLimitMs);
    await Promise.all([
      store.remove(quarantineKey(objectName), signal),
      store.remove(cleanKey(objectName), signal),
    ]);
  };

  const discard = async (upload: UploadRecord): Promise<Worked> => {
    await removeBytes(upload);
    await jobs.discarded(scope(), upload.id);
    return done;
  };

  const purge = async (upload: UploadRecord): Promise<Worked> => {
    await removeBytes(upload);
    await jobs.purged(scope(), upload.id);
    return done;
  };

  const giveUp = async (upload: UploadRecord, reason: 'scan_unanswered' | 'bytes_gone'): Promise<Worked> => {
    if (!(await jobs.giveUp(scope(), upload.id, reason))) return done;
    log.error('upload dead letter', { upload_id: upload.id, reason });
    return discard(upload);
  };

  const promote = async (upload: UploadRecord): Promise<Worked> => {
    const { id, objectName, etag } = upload;
    const signal = AbortSignal.timeout(storageLimitMs);
    const from = { key: quarantineKey(objectName), etag: etag ?? '' };
    const copied = await store.copy(from, cleanKey(objectName), signal);
    if (copied === null) return giveUp(upload, 'bytes_gone');
    // A file that became infected or was deleted meanwhile may have lost its bytes before this copy was made.
    const isStillClean = await jobs.promote(scope(), id, copied);
    await store.remove(isStillClean ? from.key : cleanKey(objectName), signal);
    return done;
  };

  const scanOnce = async (upload: UploadRecord): Promise<Worked> => {
    const outcome = (await scan?.(upload)) ?? 'awaited';
    switch (outcome) {
      case 'decided':
        // The next piece of work moves the file out of quarantine, or deletes it.
        await enqueue(upload.id);
        return done;
      case 'awaited':
        return done;
      case 'retry':
        return { kind: 'again', afterSeconds: delayAfter(upload.attempts) };
      case 'unavailable': {
        const waiting = scope();
        if (isLost(upload, waiting.now)) return giveUp(upload, 'scan_unanswered');
        // The sweep asks again: the queue would give the message up while the scanner is away.
        await jobs.postpone(waiting, upload);
        return done;
      }
    }
  };

  const expire = async (upload: UploadRecord): Promise<Worked> =>
    (await jobs.expire(scope(), upload.id)) ? purge(upload) : done;

  return async (id: string): Promise<Worked> => {
    const upload = await jobs.claim(scope(), id);
    if (!upload) return done;
    switch (taskOf(upload)) {
      case 'expire':
        return expire(upload);
      case 'scan':
        return scanOnce(upload);
      case 'give_up':
        return giveUp(upload, 'scan_unanswered');
      case 'promote':
        return promote(upload);
      case 'discard':
        return discard(upload);
      case 'purge':
        return purge(upload);
    }
  };
};

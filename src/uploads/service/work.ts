import type { Logger } from '../../platform/context.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { cleanKey, quarantineKey, type UploadRecord } from '../rules/upload.ts';
import { delayAfter, isLost, taskOf, type UploadQueue } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobRepository } from '../sql/upload-jobs.ts';
import type { ScanUpload } from './scan.ts';

const databaseLimitMs = 10_000;
/** A copy of the largest object takes its time; as with a scan, less than the first lease. */
const storageLimitMs = 240_000;

/** What is left to do: nothing for now, or another attempt. */
export type Worked = { readonly kind: 'done' } | { readonly kind: 'again'; readonly afterSeconds: number };

type Deps = {
  readonly jobs: UploadJobRepository;
  readonly store: ObjectStore;
  /** Null: there is no scanner, and what waits for one fails after its attempts. */
  readonly scan: ScanUpload | null;
  readonly queue: UploadQueue;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
};

export type WorkOnUpload = ReturnType<typeof createWorkOnUpload>;

const done: Worked = { kind: 'done' };

/**
 * Does what is due about one upload: have it scanned, move it out of quarantine, delete what nobody may have. Each
 * piece can be done twice, or by two workers at once, and comes to the same.
 * @throws AppError `service_unavailable` or `timeout`; the lease then brings the upload back
 */
export const createWorkOnUpload = ({ jobs, store, scan, queue, newScope, log }: Deps) => {
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
    // What has become infected or was deleted meanwhile may have lost its bytes before this copy was made.
    const isStillClean = await jobs.promote(scope(), id, copied);
    await store.remove(isStillClean ? from.key : cleanKey(objectName), signal);
    return done;
  };

  const scanOnce = async (upload: UploadRecord): Promise<Worked> => {
    const outcome = (await scan?.(upload)) ?? 'awaited';
    switch (outcome) {
      case 'decided':
        // Moving it out of quarantine, or deleting it, is the next piece of work.
        await queue.enqueue([upload.id]);
        return done;
      case 'awaited':
        return done;
      case 'retry':
        return { kind: 'again', afterSeconds: delayAfter(upload.attempts) };
      case 'unavailable': {
        const waiting = scope();
        if (isLost(upload, waiting.now)) return giveUp(upload, 'scan_unanswered');
        // The sweep asks again: a queue would give the message up while the scanner is away.
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

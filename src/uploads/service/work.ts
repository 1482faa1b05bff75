import type { Worked } from '../../agenda/rules.ts';
import type { Logger } from '../../platform/context.ts';
import { findAppError } from '../../platform/errors.ts';
import type { ObjectStore, ObjectVersion, StoredObject } from '../../platform/rules/storage.ts';
import type { ContentFlaw } from '../rules/reasons.ts';
import { cleanKey, quarantineKey, type UploadRecord } from '../rules/upload.ts';
import { delayAfter, isLost, taskOf } from '../rules/upload-schedule.ts';
import type { JobScope, UploadJobSql } from '../sql/upload-jobs.ts';
import type { Scan } from './scan.ts';

const databaseLimitMs = 10_000;
/** Long enough to copy the largest object, and shorter than the first lease, as a scan is. */
const storageLimitMs = 240_000;
/** With a scan after it, shorter than the first lease. */
const inspectionLimitMs = 50_000;

const done: Worked = { kind: 'done' };

/**
 * Does what is due about one upload: inspects it, has it scanned, moves it out of quarantine, or deletes it. Each piece of
 * work can be done twice, or by two workers at once, with the same result.
 * @throws AppError `service_unavailable` or `timeout`; the upload is due again when the lease ends
 */
export const createWork = (parts: {
  readonly jobs: UploadJobSql;
  readonly store: ObjectStore;
  /** Null: there is no scanner, and files that wait for one fail after their attempts. */
  readonly scan: Scan | null;
  readonly inspectContent: (
    object: ObjectVersion & Pick<StoredObject, 'size' | 'contentType'>,
    newSignal: () => AbortSignal,
  ) => Promise<ContentFlaw | null>;
  readonly enqueue: (id: string) => Promise<void>;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
}) => {
  const { jobs, store, scan, inspectContent, enqueue, newScope, log } = parts;
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

  /** @returns whether the file is still to be scanned */
  const inspectOnce = async (upload: UploadRecord): Promise<boolean> => {
    const { id, objectName, etag, size, contentType } = upload;
    const object = { key: quarantineKey(objectName), etag: etag ?? '', size, contentType };
    const flaw = await inspectContent(object, () => AbortSignal.timeout(inspectionLimitMs));
    const status = await jobs.recordInspection(scope(), upload, flaw);
    if (flaw) log.info('upload refused', { upload_id: id, reason: flaw });
    return status === 'scanning';
  };

  /** What waits for others takes no attempt; the sweep asks again. */
  const putOff = async (upload: UploadRecord): Promise<Worked> => {
    const waiting = scope();
    if (isLost(upload, waiting.now)) return giveUp(upload, 'scan_unanswered');
    await jobs.postpone(waiting, upload);
    return done;
  };

  const inspectAndScan = async (upload: UploadRecord): Promise<Worked> => {
    if (upload.inspectedAt !== null) return scanOnce(upload);
    try {
      if (await inspectOnce(upload)) return scanOnce(upload);
    } catch (error) {
      if (findAppError(error)?.code === 'overloaded') return putOff(upload);
      throw error;
    }
    await enqueue(upload.id);
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
      case 'unavailable':
        // Not the queue, which would give the message up while the scanner is away.
        return putOff(upload);
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
        return inspectAndScan(upload);
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

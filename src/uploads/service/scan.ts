import type { Logger } from '../../platform/context.ts';
import { exactly, type Scanner } from '../../platform/rules/scan.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { quarantineKey, type UploadRecord } from '../rules/upload.ts';
import { scanLimitMs } from '../rules/upload-schedule.ts';
import type { ScanResultSql } from '../sql/scan-results.ts';
import type { JobScope } from '../sql/upload-jobs.ts';

/** `retry`: no verdict this time; `unavailable`: the scanner did not answer. */
type Scanned = 'decided' | 'awaited' | 'retry' | 'unavailable';

export type Scan = ReturnType<typeof createScan>;

/** Asks the scanner about a file, and records its verdict. */
export const createScan =
  (parts: {
    readonly scanner: Scanner;
    readonly store: ObjectStore;
    readonly results: ScanResultSql;
    readonly newScope: (limitMs: number) => JobScope;
    readonly log: Logger;
  }) =>
  async ({ id, objectName, size, attempts, ...upload }: UploadRecord): Promise<Scanned> => {
    const { scanner, store, results, newScope, log } = parts;
    const [key, etag] = [quarantineKey(objectName), upload.etag ?? ''];
    const signal = AbortSignal.timeout(scanLimitMs);
    const open = async () => {
      const content = await store.read({ key, etag }, null, signal);
      if (!content) throw new Error('the bytes are gone');
      return content.pipeThrough(exactly(size));
    };

    const { engine } = scanner;
    const facts = { upload_id: id, engine, attempts };
    const outcome = await scanner.scan({ key, etag, size, attempt: attempts, open }, signal);
    switch (outcome.kind) {
      case 'awaited':
        return 'awaited';
      case 'retry':
      case 'unavailable':
        log.warn('scan delayed', { ...facts, reason: outcome.reason });
        return outcome.kind;
      case 'verdict': {
        const { verdict } = outcome;
        const bound = { uploadId: id, objectName, etag, verdict, engine, eventId: null };
        const applied = await results.apply(newScope(10_000), bound);
        log.info('scan verdict', { ...facts, verdict: verdict.kind, outcome: applied });
        return 'decided';
      }
    }
  };

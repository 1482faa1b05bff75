import type { Logger } from '../../platform/context.ts';
import { exactly, type Scanner } from '../../platform/rules/scan.ts';
import type { ObjectStore } from '../../platform/rules/storage.ts';
import { quarantineKey, type UploadRecord } from '../rules/upload.ts';
import type { JobScope } from '../sql/upload-jobs.ts';
import type { VerdictRepository } from '../sql/upload-verdicts.ts';

/** Shorter than the first lease, so that no second scan begins beside a slow one. */
export const scanLimitMs = 240_000;

type Deps = {
  readonly scanner: Scanner;
  readonly store: Pick<ObjectStore, 'read'>;
  readonly verdicts: Pick<VerdictRepository, 'apply'>;
  readonly newScope: (limitMs: number) => JobScope;
  readonly log: Logger;
};

export type ScanUpload = ReturnType<typeof createScanUpload>;

/** `retry`: no verdict this time; `unavailable`: nobody was there to give one. */
type Scanned = 'decided' | 'awaited' | 'retry' | 'unavailable';

/** Asks the scanner about a file. */
export const createScanUpload =
  ({ scanner, store, verdicts, newScope, log }: Deps) =>
  async (upload: UploadRecord): Promise<Scanned> => {
    const { id, objectName, size } = upload;
    const [key, etag] = [quarantineKey(objectName), upload.etag ?? ''];
    const signal = AbortSignal.timeout(scanLimitMs);
    const open = async () => {
      const content = await store.read({ key, etag }, null, signal);
      if (!content) throw new Error('the bytes are gone');
      return content.pipeThrough(exactly(size));
    };

    const facts = { upload_id: id, engine: scanner.engine, attempts: upload.attempts };
    const outcome = await scanner.scan({ key, etag, size, attempt: upload.attempts, open }, signal);
    switch (outcome.kind) {
      case 'awaited':
        return 'awaited';
      case 'retry':
      case 'unavailable':
        log.warn('scan delayed', { ...facts, reason: outcome.reason });
        return outcome.kind;
      case 'verdict': {
        const { verdict } = outcome;
        const bound = { uploadId: id, objectName, etag, verdict, engine: scanner.engine, eventId: null };
        const applied = await verdicts.apply(newScope(10_000), bound);
        log.info('scan verdict', { ...facts, verdict: verdict.kind, outcome: applied });
        return 'decided';
      }
    }
  };

import type { Config } from '../platform/config/schema.ts';
import type { Secret } from '../platform/config/secret.ts';
import type { Logger } from '../platform/context.ts';
import { createMacKeys } from '../platform/crypto/derived-keys.ts';
import { createSharedSecret } from '../platform/crypto/shared-secret.ts';
import type { Database } from '../platform/db/client.ts';
import { createScanner } from '../platform/scanners/create-scanner.ts';
import type { Sources } from '../platform/sources.ts';
import { createStorage } from '../platform/storage/create-storage.ts';
import type { Telemetry } from '../platform/telemetry/create-telemetry.ts';
import type { Gate } from '../sessions/sql/gate.ts';
import { createContentInspector } from './content-inspector.ts';
import { createCompleteUpload } from './service/complete.ts';
import { createCreateUpload } from './service/create.ts';
import { createDownloadUpload } from './service/download.ts';
import { createListUploads } from './service/list.ts';
import { createListUploadsOf } from './service/list-of.ts';
import { createMarkDeadLetter } from './service/mark-dead-letter.ts';
import { createPingStorage } from './service/ping-storage.ts';
import { createReceiveBytes } from './service/receive.ts';
import { createReceiveScanResult } from './service/receive-scan-result.ts';
import { nothingHere, refuseUploads } from './service/refuse.ts';
import { createRemoveUpload } from './service/remove.ts';
import { createScanUpload } from './service/scan.ts';
import { createShowUpload } from './service/show.ts';
import { createSweepUploads } from './service/sweep.ts';
import { createWorkOnUpload } from './service/work.ts';
import { createUploadJobRepository, type JobScope } from './sql/upload-jobs.ts';
import { countTransitions } from './sql/upload-transitions.ts';
import { createVerdictRepository } from './sql/upload-verdicts.ts';
import { createUploadRepository } from './sql/uploads.ts';
import { createUploadQueue } from './upload-queue.ts';

type UploadParts = Sources & {
  readonly bucket: R2Bucket;
  readonly queue: Queue<string>;
  readonly db: Database;
  readonly gate: Gate;
  readonly secretKeys: readonly Secret[];
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly requestTimeoutMs: number;
};

/** Files, from the declaration to the download, and the work on them that goes on behind. */
export const createUploadServices = (
  { storage, scanner, maxBytes, allowedTypes, quota }: Config['uploads'],
  parts: UploadParts,
) => {
  const { bucket, queue: messages, db, gate, secretKeys, log, telemetry, requestTimeoutMs } = parts;
  const { clock, newId, newRequestId } = parts;
  const { metrics, instruments } = telemetry;
  const { uploads, verdicts, jobs } = countTransitions(
    {
      uploads: createUploadRepository(db, { newId, gate }),
      verdicts: createVerdictRepository(db, { newId }),
      jobs: createUploadJobRepository(db, { newId }),
    },
    metrics,
  );
  const urlKeys = createMacKeys(secretKeys, 'upload-url');
  const { store, issueTicket, receiving } = createStorage(storage, {
    bucket,
    urlKeys,
    clock,
  });
  const queue = createUploadQueue(messages);
  const newScope = (limitMs: number): JobScope => ({
    now: clock(),
    ip: null,
    userAgent: null,
    requestId: newRequestId(),
    signal: AbortSignal.timeout(limitMs),
  });
  const inspectContent = createContentInspector(store);
  const leaseSeconds = Math.ceil(requestTimeoutMs / 1000) + 5;
  const engine = scanner && instruments.scanner(createScanner(scanner, storage, clock));
  const scan = engine && createScanUpload({ scanner: engine, store, verdicts, newScope, log });
  const work = createWorkOnUpload({ jobs, store, scan, queue, newScope, log });
  const policy = { maxBytes, allowedTypes, quota };

  return {
    create: scanner ? createCreateUpload({ uploads, issueTicket, policy, newId }) : refuseUploads,
    receive: !scanner
      ? refuseUploads
      : receiving
        ? createReceiveBytes({ uploads, ...receiving })
        : nothingHere,
    complete: scanner
      ? createCompleteUpload({ uploads, store, inspectContent, queue, leaseSeconds })
      : refuseUploads,
    list: createListUploads({ uploads }),
    listOf: createListUploadsOf({ uploads }),
    show: createShowUpload({ uploads }),
    remove: createRemoveUpload({ uploads, queue }),
    download: createDownloadUpload({ uploads, store }),
    receiveScanResult:
      scanner?.kind === 'guardduty' && storage.kind === 's3'
        ? createReceiveScanResult({
            verdicts,
            isCallbackSecret: createSharedSecret(scanner.callbackSecret),
            bucket: storage.bucket,
            queue,
          })
        : nothingHere,
    /** What /readyz asks, where files are taken. */
    pings: {
      ...(engine && { storage: createPingStorage({ store }) }),
      ...(engine?.ping && { scanner: engine.ping }),
    },
    work,
    sweep: createSweepUploads({ jobs, store, work, newScope, log }),
    markDeadLetter: createMarkDeadLetter({ jobs, newScope }),
  };
};

import { createContentInspector } from '../adapters/content-inspector.ts';
import { createMacKeys } from '../adapters/derived-keys.ts';
import { createScanner } from '../adapters/scanner/create-scanner.ts';
import { createSharedSecret } from '../adapters/shared-secret.ts';
import { createStorage } from '../adapters/storage/create-storage.ts';
import type { Telemetry } from '../adapters/telemetry/create-telemetry.ts';
import { createUploadQueue } from '../adapters/upload-queue.ts';
import type { Config } from '../config/schema.ts';
import type { Secret } from '../config/secret.ts';
import type { Logger } from '../context.ts';
import type { Database } from '../db/client.ts';
import type { Gate } from '../repositories/gate.ts';
import { createUploadJobRepository, type JobScope } from '../repositories/upload-jobs.ts';
import { countTransitions } from '../repositories/upload-transitions.ts';
import { createVerdictRepository } from '../repositories/upload-verdicts.ts';
import { createUploadRepository } from '../repositories/uploads.ts';
import { createCompleteUpload } from '../services/upload/complete.ts';
import { createCreateUpload } from '../services/upload/create.ts';
import { createDownloadUpload } from '../services/upload/download.ts';
import { createListUploads } from '../services/upload/list.ts';
import { createListUploadsOf } from '../services/upload/list-of.ts';
import { createMarkDeadLetter } from '../services/upload/mark-dead-letter.ts';
import { createPingStorage } from '../services/upload/ping-storage.ts';
import { createReceiveBytes } from '../services/upload/receive.ts';
import { createReceiveScanResult } from '../services/upload/receive-scan-result.ts';
import { nothingHere, refuseUploads } from '../services/upload/refuse.ts';
import { createRemoveUpload } from '../services/upload/remove.ts';
import { createScanUpload } from '../services/upload/scan.ts';
import { createShowUpload } from '../services/upload/show.ts';
import { createSweepUploads } from '../services/upload/sweep.ts';
import { createWorkOnUpload } from '../services/upload/work.ts';
import type { Sources } from './sources.ts';

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

import type { Worked } from '../agenda/rules.ts';
import type { Container } from '../container.ts';
import { createMacKeys } from '../platform/crypto/derived-keys.ts';
import { createSharedSecret } from '../platform/crypto/shared-secret.ts';
import { AppError } from '../platform/errors.ts';
import { createScanner } from '../platform/scanners/create-scanner.ts';
import { createStorage } from '../platform/storage/create-storage.ts';
import { createContentInspector } from './content-inspector.ts';
import { isUuid, quarantinePrefix, type UploadDeclaration } from './rules/upload.ts';
import { createComplete } from './service/complete.ts';
import { createDeclare, declarationFlaws } from './service/declare.ts';
import { createDownload } from './service/download.ts';
import { createLimits } from './service/limits.ts';
import { createRemoveOrphans } from './service/orphans.ts';
import { createReceive } from './service/receive.ts';
import { createScan } from './service/scan.ts';
import { createAdmitScanner, createReceiveScanResult } from './service/scan-results.ts';
import { createSweep } from './service/sweep.ts';
import { createWork } from './service/work.ts';
import { createScanResultSql } from './sql/scan-results.ts';
import { createUploadJobSql, type JobScope } from './sql/upload-jobs.ts';
import { createUploadSql } from './sql/uploads.ts';

export type Uploads = ReturnType<typeof createUploads>;

/** Files from the declaration to the download, and the work on them in the background. */
export const createUploads = (container: Container) => {
  const { config, bindings, secretKeys, clock, newId, newRequestId, instruments, log, agenda, uploadQueue } =
    container;
  const { scanner, storage, ...policy } = config.uploads;
  const rows = createUploadSql(container);
  const jobs = createUploadJobSql(container);
  const results = createScanResultSql(container);
  const { store, issueTicket, receiving } = createStorage(storage, {
    bucket: bindings.UPLOADS,
    urlKeys: createMacKeys(secretKeys, 'upload-url'),
    clock,
  });
  const engine = scanner && instruments.scanner(createScanner(scanner, storage, clock));
  const enqueue = (id: string): Promise<void> => uploadQueue.enqueue([id]);
  const newScope = (limitMs: number): JobScope => ({
    now: clock(),
    ip: null,
    userAgent: null,
    requestId: newRequestId(),
    signal: AbortSignal.timeout(limitMs),
  });
  const scan = engine && createScan({ scanner: engine, store, results, newScope, log });
  const inspectContent = createContentInspector(store, clock);
  const work = createWork({ jobs, store, scan, inspectContent, enqueue, newScope, log });

  /** Without a scanner no file is taken; files that were clean before stay within reach. */
  const whereEnabled =
    <Given extends readonly unknown[], Result>(verb: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      if (!scanner) throw new AppError('uploads_disabled', { retryAfterSeconds: 3600 });
      return verb(...given);
    };

  const guardduty =
    scanner?.kind === 'guardduty' && storage.kind === 's3'
      ? { bucket: storage.bucket, isCallbackSecret: createSharedSecret(scanner.callbackSecret) }
      : null;

  return {
    flawsOf: (declaration: Partial<UploadDeclaration>) => declarationFlaws(declaration, policy),
    create: whereEnabled(createDeclare({ rows, issueTicket, policy, newId, agenda })),
    limits: whereEnabled(createLimits({ rows, policy })),
    receive: whereEnabled(createReceive({ rows, receiving, pauseMs: policy.pauseMs })),
    complete: whereEnabled(createComplete({ rows, store, enqueue })),
    list: rows.listOwn,
    listOf: rows.listOf,
    show: rows.findOwn,
    download: createDownload({ rows, store }),
    remove: async (...[ctx, id]: Parameters<typeof rows.removeOwn>): Promise<void> => {
      await rows.removeOwn(ctx, id);
      ctx.defer('upload queue', enqueue(id));
    },
    admitScanner: createAdmitScanner(guardduty?.isCallbackSecret ?? null),
    receiveScanResult: createReceiveScanResult({ results, bucket: guardduty?.bucket ?? null, enqueue }),
    /** What /readyz asks, where files are taken. */
    pings: {
      ...(engine && {
        storage: async (signal: AbortSignal): Promise<void> => {
          await store.head(`${quarantinePrefix}ping`, signal);
        },
      }),
      ...(engine?.ping && { scanner: engine.ping }),
    },
    /** Does what is due about an upload, and tells when the next piece of work is. */
    work: async (id: string): Promise<Worked> => {
      const worked = await work(id);
      return worked.kind === 'done' ? { ...worked, next: await jobs.nextDue(newScope(10_000), id) } : worked;
    },
    sweep: createSweep({ jobs, work, newScope, clock, log }),
    removeOrphans: createRemoveOrphans({ jobs, store, newScope, log }),
    /** Records, for /readyz, that the queue has given up the work on an upload. The sweep goes on. */
    markDeadLetter: async (id: string): Promise<void> => {
      if (isUuid(id)) await jobs.markGivenUp(newScope(10_000), id);
    },
  };
};

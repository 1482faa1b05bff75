import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type GuarddutyResult, verdictOfGuardduty } from '../../platform/rules/scan.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { readQuarantineKey } from '../rules/upload.ts';
import { scanEventWindow } from '../rules/upload-schedule.ts';
import type { ScanResultSql, VerdictOutcome } from '../sql/scan-results.ts';

/** An event of GuardDuty, as EventBridge delivers it. */
export type ScanEvent = {
  readonly id: string;
  readonly time: Date;
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly result: GuarddutyResult;
  readonly threats: readonly string[];
};

/**
 * Lets in a sender that knows the callback secret, before its event is read.
 * @param isCallbackSecret null where GuardDuty is not the scanner
 * @throws AppError `not_found`, `unauthenticated`
 */
export const createAdmitScanner =
  (isCallbackSecret: ((given: string | undefined) => Promise<boolean>) | null) =>
  async (secret: string | undefined): Promise<void> => {
    if (!isCallbackSecret) throw new AppError('not_found');
    if (!(await isCallbackSecret(secret)))
      throw new AppError('unauthenticated', { detail: 'The callback secret is not right.' });
  };

/**
 * Takes a verdict from an admitted sender. EventBridge delivers at least once and in any order: an event counts once,
 * within its time, for the bytes that it names; any other is answered without an error.
 * @param parts `bucket` is the one that GuardDuty scans, null where it is not the scanner
 * @throws AppError `validation_failed` for an event outside of its time
 */
export const createReceiveScanResult =
  (parts: {
    readonly results: ScanResultSql;
    readonly bucket: string | null;
    readonly enqueue: (id: string) => Promise<void>;
  }) =>
  async (ctx: RequestContext, event: ScanEvent): Promise<VerdictOutcome> => {
    const { results, bucket, enqueue } = parts;
    const isTimely =
      event.time >= secondsAfter(ctx.now, -scanEventWindow.pastSeconds) &&
      event.time <= secondsAfter(ctx.now, scanEventWindow.futureSeconds);
    if (!isTimely) {
      const detail = 'is too long ago, or in the future';
      throw new AppError('validation_failed', {
        errors: [{ pointer: '/time', code: 'out_of_range', detail }],
      });
    }

    const place = event.bucket === bucket ? readQuarantineKey(event.key) : null;
    if (!place) return 'unknown';
    const facts = { upload_id: place.uploadId };
    const verdict = verdictOfGuardduty(event.result, event.threats);
    if (!verdict) {
      ctx.log.warn('scan without a verdict', { ...facts, result: event.result });
      return 'unchanged';
    }
    const bound = { ...place, etag: event.etag, verdict, engine: 'guardduty', eventId: event.id };
    const outcome = await results.apply(ctx, bound);
    ctx.log.info('scan verdict', { ...facts, verdict: verdict.kind, outcome });
    if (outcome === 'applied') ctx.defer('upload queue', enqueue(place.uploadId));
    return outcome;
  };

import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { type GuarddutyResult, verdictOf } from '../../platform/rules/guardduty.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import { readQuarantineKey } from '../rules/upload.ts';
import { scanEventWindow, type UploadQueue } from '../rules/upload-schedule.ts';
import type { VerdictOutcome, VerdictRepository } from '../sql/upload-verdicts.ts';

/** An event of GuardDuty's, as EventBridge delivers it. */
export type ScanEvent = {
  readonly id: string;
  readonly time: Date;
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly result: GuarddutyResult;
  readonly threats: readonly string[];
};

type Deps = {
  readonly verdicts: Pick<VerdictRepository, 'apply'>;
  readonly isCallbackSecret: (given: string | undefined) => Promise<boolean>;
  readonly bucket: string;
  readonly queue: UploadQueue;
};

/**
 * Takes a verdict from whoever knows the callback secret. EventBridge delivers at least once and in any order: an
 * event counts once, within its time, for the bytes that it names, and is answered without an error otherwise.
 * @throws AppError `unauthenticated`, `validation_failed` for an event out of its time
 */
export const createReceiveScanResult =
  ({ verdicts, isCallbackSecret, bucket, queue }: Deps) =>
  async (ctx: RequestContext, event: ScanEvent, secret: string | undefined): Promise<VerdictOutcome> => {
    if (!(await isCallbackSecret(secret)))
      throw new AppError('unauthenticated', { detail: 'The callback secret is not right.' });
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
    const verdict = verdictOf(event.result, event.threats);
    if (!verdict) {
      ctx.log.warn('scan without a verdict', { upload_id: place.uploadId, result: event.result });
      return 'unchanged';
    }
    const outcome = await verdicts.apply(ctx, {
      ...place,
      etag: event.etag,
      verdict,
      engine: 'guardduty',
      eventId: event.id,
    });
    ctx.log.info('scan verdict', { upload_id: place.uploadId, verdict: verdict.kind, outcome });
    if (outcome === 'applied') ctx.defer('upload queue', queue.enqueue([place.uploadId]));
    return outcome;
  };

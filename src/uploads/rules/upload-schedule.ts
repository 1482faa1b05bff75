import { secondsAfter } from '../../sessions/rules/session.ts';
import type { UploadRecord } from './upload.ts';

/**
 * How long after the beginning of an attempt the next one may begin, in seconds; the last one goes on for ever. The
 * same time is the lease of an attempt that is never heard of again, so the first must outlast a scan.
 */
export const uploadDelaysSeconds: readonly number[] = [300, 900, 3600, 14_400, 43_200];

/** After so many scans without a verdict the upload has failed, some 17 hours after the first. */
export const maxScanAttempts: number = uploadDelaysSeconds.length;

/**
 * How soon a file is due again that found no scanner there, in seconds. That is no attempt. Less than the minute
 * between two rounds of the sweep, so that each of them asks.
 */
export const scannerPauseSeconds = 30;

const scannerPatienceSeconds = 3 * 86_400;

/** Whether a file has waited so long for a scanner that is away that none will come. */
export const isLost = ({ createdAt }: UploadRecord, now: Date): boolean =>
  secondsAfter(createdAt, scannerPatienceSeconds) < now;

export const delayAfter = (attempts: number): number => uploadDelaysSeconds[attempts - 1] ?? 43_200;

/** The queue of what was taken back too often, by the end of its name; `wrangler.toml` names the queues. */
export const uploadDeadLetterQueue: RegExp = /-uploads-dead$/;
export const uploadQueue: RegExp = /-uploads$/;

/** What is to be done about an upload that is due. */
export type UploadTask = 'expire' | 'scan' | 'give_up' | 'promote' | 'discard' | 'purge';

export const taskOf = ({ status, userId, deletedAt, attempts }: UploadRecord): UploadTask => {
  if (deletedAt !== null || userId === null) return 'purge';
  switch (status) {
    case 'pending':
      return 'expire';
    case 'scanning':
      return attempts > maxScanAttempts ? 'give_up' : 'scan';
    case 'clean':
      return 'promote';
    case 'infected':
    case 'failed':
      return 'discard';
  }
};

/** How long an event of a scanner is good for, on either side of its time, and how long its id is remembered. */
export const scanEventWindow = { pastSeconds: 86_400, futureSeconds: 300 } as const;
export const scanEventMemorySeconds = 2 * 86_400;

/** How old an object in quarantine without a row must be, before nobody can be about to write the row. */
export const orphanAgeSeconds = 86_400;

/** How long /readyz counts work that was given up. */
export const deadLetterSeconds = 86_400;

/** The port behind which work waits; loses nothing that matters, as the sweep finds whatever is due. */
export type UploadQueue = { readonly enqueue: (uploadIds: readonly string[]) => Promise<void> };

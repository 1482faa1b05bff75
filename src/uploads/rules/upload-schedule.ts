import { secondsAfter } from '../../sessions/rules/session.ts';
import type { UploadRecord } from './upload.ts';

/**
 * The seconds from the beginning of one attempt to the next; the last delay repeats. The same time is the lease of an
 * attempt that breaks off, so the first must be longer than a scan.
 */
export const uploadDelaysSeconds: readonly number[] = [300, 900, 3600, 14_400, 43_200];

/** Shorter than the first lease, so that a second scan waits until a slow one has ended. */
export const scanLimitMs = 240_000;

/** An upload fails after this many scans without a verdict, about 17 hours after the first. */
export const maxScanAttempts: number = uploadDelaysSeconds.length;

/**
 * The seconds until a file is due again that found no scanner, which does not count as an attempt. Less than the
 * minute between two runs of the agenda, so that each run asks.
 */
export const scannerPauseSeconds = 30;

const scannerPatienceSeconds = 3 * 86_400;

/** Whether a file has waited too long for a scanner that is away. */
export const isLost = ({ createdAt }: UploadRecord, now: Date): boolean =>
  secondsAfter(createdAt, scannerPatienceSeconds) < now;

export const delayAfter = (attempts: number): number => uploadDelaysSeconds[attempts - 1] ?? 43_200;

/** The ends of the names of the queues in `wrangler.toml`; messages that failed too often go to the dead one. */
export const uploadDeadLetterQueue: RegExp = /-uploads-dead$/;
export const uploadQueue: RegExp = /-uploads$/;

/** The work on an upload that is due. */
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

/** How far the time of a scanner's event may be from now, and how long its id is remembered. */
export const scanEventWindow = { pastSeconds: 86_400, futureSeconds: 300 } as const;
export const scanEventMemorySeconds = 2 * 86_400;

/** The age from which an object in quarantine without a row is an orphan: no request can still be about to write it. */
export const orphanAgeSeconds = 86_400;

/** How long /readyz counts work that was given up. */
export const deadLetterSeconds = 86_400;

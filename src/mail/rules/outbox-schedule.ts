import type { DeliveryOutcome } from '../../platform/rules/mail.ts';
import { heldBack } from './mail-budget.ts';

/**
 * The seconds between the beginnings of two attempts. They are also the lease of an attempt that ends without an outcome,
 * so the first must outlast a delivery.
 */
export const attemptDelaysSeconds: readonly number[] = [60, 300, 900, 3600, 14_400, 43_200, 43_200, 43_200];

/** The limits of one delivery. Their sum is shorter than the first lease, so that no second delivery overlaps a slow one. */
export const deliveryLimitsMs = { claim: 10_000, budget: 5_000, send: 15_000, settle: 10_000 } as const;

/** A mail is given up after this many attempts. */
export const maxAttempts: number = attemptDelaysSeconds.length;

/** The longest Retry-After that counts, and the longest time that a queue can hold a message. */
export const maxDelaySeconds = 43_200;

/** How long a mail that was sent or given up is kept. */
export const retentionSeconds: number = 30 * 86_400;

/** The name of the dead letter queue ends like this; `wrangler.toml` names the queues. */
export const deadLetterQueue: RegExp = /-mail-dead$/;

/** The mailbox has used up its budget. That settles a mail for good, and it is no dead letter: nobody has to act. */
export type HeldBack = { readonly kind: 'held_back'; readonly policy: string };

/** What follows an attempt. */
export type Settlement =
  | { readonly kind: 'sent' }
  | (HeldBack & { readonly reason: typeof heldBack })
  /** `postponed`: the provider asked for a short wait, which is no attempt. */
  | { readonly kind: 'again' | 'postponed'; readonly afterSeconds: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** What a settlement depends on beside the outcome. */
type Attempt = {
  /** The number of attempts, including the one with this outcome. */
  readonly attempts: number;
  /** Since the mail was written. */
  readonly ageSeconds: number;
  /** A random number in [0, 1): mails that were refused together must not come back together. */
  readonly random: number;
};

/**
 * For so long after a mail was written, a provider can ask for a short wait without costing the mail an attempt. It is
 * half of the life of a code. Each wait is at least as long as the mail has waited so far, so a provider can ask for only
 * a few.
 */
const patienceSeconds = 300;
const longestWaitSeconds = 60;

const shortWait = (askedSeconds: number | undefined, { ageSeconds, random }: Attempt): number | null => {
  if (askedSeconds === undefined || askedSeconds > longestWaitSeconds || ageSeconds >= patienceSeconds)
    return null;
  const seconds = Math.max(1, askedSeconds, Math.min(Math.floor(ageSeconds), longestWaitSeconds));
  return seconds + Math.floor(random * (seconds + 2));
};

export const settlementOf = (outcome: DeliveryOutcome | HeldBack, attempt: Attempt): Settlement => {
  switch (outcome.kind) {
    case 'sent':
      return { kind: 'sent' };
    case 'held_back':
      return { ...outcome, reason: heldBack };
    case 'refused':
      return { kind: 'failed', reason: outcome.reason };
    case 'retry': {
      const { attempts } = attempt;
      const { reason, retryAfterSeconds } = outcome;
      const wait = shortWait(retryAfterSeconds, attempt);
      if (wait !== null) return { kind: 'postponed', afterSeconds: wait, reason };
      const delay = attemptDelaysSeconds[attempts - 1];
      if (delay === undefined || attempts >= maxAttempts) return { kind: 'failed', reason };
      const afterSeconds = Math.min(Math.max(delay, retryAfterSeconds ?? 0), maxDelaySeconds);
      return { kind: 'again', afterSeconds, reason };
    }
  }
};

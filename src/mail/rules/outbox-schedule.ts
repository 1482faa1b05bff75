import type { DeliveryOutcome } from '../../platform/rules/mail.ts';
import { heldBack } from './mail-budget.ts';

/**
 * How long after the beginning of an attempt the next one may begin, in seconds. The same time is the lease of an
 * attempt that is never heard of again, so the first must outlast a delivery.
 */
export const attemptDelaysSeconds: readonly number[] = [60, 300, 900, 3600, 14_400, 43_200, 43_200, 43_200];

/** After that many the mail is given up. */
export const maxAttempts: number = attemptDelaysSeconds.length;

/** The longest time that a provider's Retry-After is taken at its word, and that a queue can hold a message. */
export const maxDelaySeconds = 43_200;

/** How long a mail is kept that was sent or given up. */
export const retentionSeconds: number = 30 * 86_400;

/** The queue of what was taken back too often, by the end of its name; `wrangler.toml` names the queues. */
export const deadLetterQueue: RegExp = /-mail-dead$/;

/** The mailbox has had its budget. That settles a mail for good, and as no dead letter: nothing is to be done about it. */
export type HeldBack = { readonly kind: 'held_back'; readonly policy: string };

/** What is left to do after an attempt. */
export type Settlement =
  | { readonly kind: 'sent' }
  | (HeldBack & { readonly reason: typeof heldBack })
  | { readonly kind: 'again'; readonly afterSeconds: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** @param attempts how many have begun, the one with this outcome included */
export const settlementOf = (outcome: DeliveryOutcome | HeldBack, attempts: number): Settlement => {
  switch (outcome.kind) {
    case 'sent':
      return { kind: 'sent' };
    case 'held_back':
      return { ...outcome, reason: heldBack };
    case 'refused':
      return { kind: 'failed', reason: outcome.reason };
    case 'retry': {
      const delay = attemptDelaysSeconds[attempts - 1];
      if (delay === undefined || attempts >= maxAttempts) return { kind: 'failed', reason: outcome.reason };
      const afterSeconds = Math.min(Math.max(delay, outcome.retryAfterSeconds ?? 0), maxDelaySeconds);
      return { kind: 'again', afterSeconds, reason: outcome.reason };
    }
  }
};

import { describe, expect, it } from 'vitest';
import { tokenTtlSeconds } from '../../src/emails/rules.ts';
import {
  attemptDelaysSeconds,
  deliveryLimitsMs,
  maxAttempts,
  maxDelaySeconds,
  settlementOf,
} from '../../src/mail/rules/outbox-schedule.ts';

const retry = { kind: 'retry', reason: '503' } as const;

describe('the schedule of attempts', () => {
  it('waits a minute, then five, then fifteen, then hours', () => {
    const delays = Array.from({ length: maxAttempts - 1 }, (_, index) => settlementOf(retry, index + 1));
    expect(delays.map((each) => (each.kind === 'again' ? each.afterSeconds : each.kind))).toEqual([
      60, 300, 900, 3600, 14_400, 43_200, 43_200,
    ]);
  });

  it('never waits less than after the previous attempt', () => {
    expect([...attemptDelaysSeconds].sort((a, b) => a - b)).toEqual(attemptDelaysSeconds);
  });

  it('gives each attempt a lease that outlasts a delivery', () => {
    const longestMs = Object.values(deliveryLimitsMs).reduce((total, ms) => total + ms, 0);
    expect(longestMs).toBeLessThan(Math.min(...attemptDelaysSeconds) * 1000);
  });

  it('ends before the undo link of a changed e-mail address expires', () => {
    const wholeSeconds = attemptDelaysSeconds.reduce((total, seconds) => total + seconds, 0);
    expect(wholeSeconds).toBeLessThan(tokenTtlSeconds.restore_email);
  });
});

describe('the settlement of an attempt', () => {
  it('is final once the mail is sent', () => {
    expect(settlementOf({ kind: 'sent', providerId: 'x' }, 1)).toEqual({ kind: 'sent' });
  });

  it('gives up at once a mail that the provider refuses', () => {
    const refused = { kind: 'refused', reason: '422' } as const;
    expect(settlementOf(refused, 1)).toEqual({ kind: 'failed', reason: '422' });
  });

  it('gives up a mail after its last attempt', () => {
    expect(settlementOf(retry, maxAttempts - 1)).toMatchObject({ kind: 'again' });
    expect(settlementOf(retry, maxAttempts)).toEqual({ kind: 'failed', reason: '503' });
    expect(settlementOf(retry, maxAttempts + 1)).toEqual({ kind: 'failed', reason: '503' });
  });

  it('waits as long as the provider asks, within the limits of the schedule and the queue', () => {
    const asked = (retryAfterSeconds: number) => settlementOf({ ...retry, retryAfterSeconds }, 1);
    expect(asked(120)).toMatchObject({ afterSeconds: 120 });
    expect(asked(1)).toMatchObject({ afterSeconds: 60 });
    expect(asked(Number.MAX_SAFE_INTEGER)).toMatchObject({ afterSeconds: maxDelaySeconds });
  });
});

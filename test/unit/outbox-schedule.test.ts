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
/** After so many attempts at a mail that is not new. */
const tried = (attempts: number) => ({ attempts, ageSeconds: 3600, random: 0.5 });

describe('the schedule of attempts', () => {
  it('waits a minute, then five, then fifteen, then hours', () => {
    const delays = Array.from({ length: maxAttempts - 1 }, (_, index) =>
      settlementOf(retry, tried(index + 1)),
    );
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
    expect(settlementOf({ kind: 'sent', providerId: 'x' }, tried(1))).toEqual({ kind: 'sent' });
  });

  it('gives up at once a mail that the provider refuses', () => {
    const refused = { kind: 'refused', reason: '422' } as const;
    expect(settlementOf(refused, tried(1))).toEqual({ kind: 'failed', reason: '422' });
  });

  it('gives up a mail after its last attempt', () => {
    expect(settlementOf(retry, tried(maxAttempts - 1))).toMatchObject({ kind: 'again' });
    expect(settlementOf(retry, tried(maxAttempts))).toEqual({ kind: 'failed', reason: '503' });
    expect(settlementOf(retry, tried(maxAttempts + 1))).toEqual({ kind: 'failed', reason: '503' });
  });

  it('waits as long as the provider asks, within the limits of the schedule and the queue', () => {
    const asked = (retryAfterSeconds: number) => settlementOf({ ...retry, retryAfterSeconds }, tried(1));
    expect(asked(120)).toMatchObject({ afterSeconds: 120 });
    expect(asked(1)).toMatchObject({ afterSeconds: 60 });
    expect(asked(Number.MAX_SAFE_INTEGER)).toMatchObject({ afterSeconds: maxDelaySeconds });
  });
});

describe('a short wait that the provider asks for', () => {
  const asked = (retryAfterSeconds: number, ageSeconds: number, random = 0) =>
    settlementOf({ ...retry, retryAfterSeconds }, { attempts: 1, ageSeconds, random });

  it('is honoured, and is no attempt', () => {
    expect(asked(1, 0.4)).toEqual({ kind: 'postponed', afterSeconds: 1, reason: '503' });
    expect(asked(0, 0)).toEqual({ kind: 'postponed', afterSeconds: 1, reason: '503' });
    expect(asked(30, 2)).toEqual({ kind: 'postponed', afterSeconds: 30, reason: '503' });
  });

  it('is spread, so that mails that were refused together do not come back together', () => {
    const waits = [0, 0.2, 0.4, 0.6, 0.8, 0.99].map((random) => asked(1, 0, random));
    expect(new Set(waits.map((each) => 'afterSeconds' in each && each.afterSeconds)).size).toBe(3);
  });

  it('is an attempt like others where it is long, or the mail has waited for five minutes', () => {
    expect(asked(61, 0)).toMatchObject({ kind: 'again', afterSeconds: 61 });
    expect(asked(1, 300)).toMatchObject({ kind: 'again', afterSeconds: 60 });
  });

  it.each([0, 0.5, 0.99])(
    'ends although the provider asks for ever, before the queue gives up (%d)',
    (random) => {
      let [ageSeconds, attempts, deliveries] = [0, 0, 0];
      const waits: number[] = [];
      for (; deliveries < 1_000; deliveries++) {
        attempts += 1;
        const settled = settlementOf({ ...retry, retryAfterSeconds: 1 }, { attempts, ageSeconds, random });
        if (settled.kind === 'failed') break;
        if (!('afterSeconds' in settled)) throw new Error(settled.kind);
        if (settled.kind === 'postponed') attempts -= 1;
        waits.push(settled.afterSeconds);
        ageSeconds += settled.afterSeconds;
      }
      expect(attempts).toBe(maxAttempts);
      // `max_retries` in wrangler.toml is 20.
      expect(waits.length).toBeLessThanOrEqual(20);
      // Within the ten minutes in which a code works there are several tries.
      const times = waits.map((_, index) => waits.slice(0, index + 1).reduce((sum, each) => sum + each, 0));
      expect(times.filter((seconds) => seconds < 500).length).toBeGreaterThanOrEqual(5);
    },
  );
});

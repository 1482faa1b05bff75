import { describe, expect, test } from 'vitest';
import {
  type Attempts,
  advance,
  clear,
  isBlank,
  judge,
  type LoginOutcome,
  noAttempts,
  reserve,
  settle,
  settlementMs,
} from '../../src/login-guard/rules/login-attempts.ts';

const limit = { max: 3, windowMs: 900_000, lockMs: 600_000 };

const attempt = (attempts: Attempts, nowMs: number, outcome: LoginOutcome): Attempts => {
  const ticket = `at ${nowMs}`;
  return settle(reserve(advance(attempts, nowMs, limit), ticket, nowMs), ticket, outcome, nowMs, limit);
};

const failures = (...timesMs: number[]): Attempts =>
  timesMs.reduce((attempts, nowMs) => attempt(attempts, nowMs, 'failed'), noAttempts);

const verdictAt = (attempts: Attempts, nowMs: number) => judge(advance(attempts, nowMs, limit), nowMs, limit);

describe('login attempts', () => {
  test('the last allowed failure locks, until the millisecond at which lockMs is over', () => {
    expect(verdictAt(failures(0, 10), 20)).toEqual({ kind: 'admitted' });
    const locked = failures(0, 10, 20);
    expect(verdictAt(locked, 20)).toEqual({ kind: 'locked', retryAfterMs: 600_000 });
    expect(verdictAt(locked, 600_019)).toEqual({ kind: 'locked', retryAfterMs: 1 });
    expect(verdictAt(locked, 600_020)).toEqual({ kind: 'admitted' });
  });

  test('after a lock the count starts again, even if the window is longer than the lock', () => {
    expect(verdictAt(attempt(failures(0, 10, 20), 600_020, 'failed'), 600_021)).toEqual({ kind: 'admitted' });
  });

  test('a failure stops counting when its window is over, to the millisecond', () => {
    expect(verdictAt(failures(0, 10, 899_999), 899_999).kind).toBe('locked');
    expect(verdictAt(failures(0, 10, 900_000), 900_000)).toEqual({ kind: 'admitted' });
  });

  test('reservations take places before their outcome is known', () => {
    const full = ['a', 'b', 'c'].reduce((attempts, ticket) => reserve(attempts, ticket, 0), noAttempts);
    expect(verdictAt(full, 1)).toEqual({ kind: 'full', retryAfterMs: settlementMs - 1 });
    expect(verdictAt(settle(full, 'b', 'withdrawn', 1, limit), 1)).toEqual({ kind: 'admitted' });
  });

  test('failures and reservations together fill the places', () => {
    expect(verdictAt(reserve(failures(0, 10), 'a', 20), 20).kind).toBe('full');
  });

  test('a success or a withdrawal gives back its own place and no other', () => {
    for (const outcome of ['succeeded', 'withdrawn'] as const) {
      expect(attempt(failures(0, 10), 20, outcome)).toEqual(failures(0, 10));
    }
  });

  test('an attempt that is never settled counts as failed, from when it was reserved', () => {
    const abandoned = reserve(failures(0, 10), 'lost', 20);
    expect(verdictAt(abandoned, 20 + settlementMs - 1).kind).toBe('full');
    expect(verdictAt(abandoned, 20 + settlementMs)).toEqual({
      kind: 'locked',
      retryAfterMs: 600_000 - settlementMs,
    });
  });

  test('a lock that begins while no attempt comes is still a lock', () => {
    const brief = { max: 2, windowMs: 60_000, lockMs: 3_600_000 };
    const abandoned = reserve(reserve(noAttempts, 'a', 0), 'b', 0);
    const nowMs = 1_800_000;
    expect(judge(advance(abandoned, nowMs, brief), nowMs, brief)).toEqual({
      kind: 'locked',
      retryAfterMs: 1_800_000,
    });
    expect(judge(advance(abandoned, 3_600_000, brief), 3_600_000, brief).kind).toBe('admitted');
  });

  test('settling twice, too late or with another ticket changes nothing', () => {
    const once = settle(reserve(noAttempts, 'a', 0), 'a', 'failed', 5, limit);
    expect(settle(once, 'a', 'failed', 6, limit)).toEqual(once);
    expect(settle(once, 'b', 'withdrawn', 6, limit)).toEqual(once);
    const overdue = advance(reserve(noAttempts, 'a', 0), settlementMs, limit);
    expect(settle(overdue, 'a', 'withdrawn', settlementMs, limit).failedAtMs).toEqual([0]);
  });

  test('clearing forgets failures and the lock, and keeps the attempts in flight', () => {
    expect(clear(reserve(failures(0, 10), 'a', 20))).toEqual(reserve(noAttempts, 'a', 20));
    expect(clear(failures(0, 10, 20))).toEqual(noAttempts);
  });

  test('a clock that went back does not shorten a lock, and prolongs it to lockMs at most', () => {
    const day = 86_400_000;
    expect(verdictAt(failures(day, day, day), 0)).toEqual({ kind: 'locked', retryAfterMs: 600_000 });
  });

  test('a counter is blank only once nothing counts any more', () => {
    expect(isBlank(advance(failures(0), 899_999, limit), 899_999)).toBe(false);
    expect(isBlank(advance(failures(0), 900_000, limit), 900_000)).toBe(true);
    expect(isBlank(reserve(noAttempts, 'a', 0), 0)).toBe(false);
    expect(isBlank(advance(failures(0, 0, 0), 599_999, limit), 599_999)).toBe(false);
    expect(isBlank(advance(failures(0, 0, 0), 600_000, limit), 600_000)).toBe(true);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WindowLog } from '../../src/platform/rules/sliding-window.ts';

type Policy = { max: number; windowMs: number };

/** Counts a hit after those of a log. */
const countHit = (timesMs: readonly number[], nowMs: number, policy: Policy) => {
  const window = new WindowLog(timesMs);
  const hit = window.judge(nowMs, policy);
  if (hit.admitted) window.add(nowMs);
  return { log: [...window.timesMs], hit };
};

const createWindow = (policy: Policy) => {
  let log: readonly number[] = [];
  return {
    hit: (nowMs: number, changed: Partial<Policy> = {}) => {
      const counted = countHit(log, nowMs, { ...policy, ...changed });
      log = counted.log;
      return counted.hit;
    },
    size: () => log.length,
  };
};

const policies = fc.record({
  max: fc.integer({ min: 1, max: 6 }),
  windowMs: fc.integer({ min: 1, max: 50 }),
});
const gapsMs = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 80, size: 'max' });

const cumulative = (gaps: readonly number[]): number[] => {
  let nowMs = 1_000;
  return gaps.map((gap) => {
    nowMs += gap;
    return nowMs;
  });
};

const inWindowEndingAt = (timesMs: readonly number[], endMs: number, windowMs: number): number =>
  timesMs.filter((timeMs) => timeMs <= endMs && timeMs > endMs - windowMs).length;

describe('sliding window', () => {
  test('admits max hits at one instant and refuses the next', () => {
    const { hit } = createWindow({ max: 3, windowMs: 60_000 });
    expect([hit(0), hit(0), hit(0), hit(0)].map(({ admitted }) => admitted)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test('counts a hit up to the last millisecond of its window and not one longer', () => {
    const { hit } = createWindow({ max: 1, windowMs: 60_000 });
    expect(hit(5).admitted).toBe(true);
    expect(hit(60_004)).toEqual({ admitted: false, remaining: 0, resetMs: 1 });
    expect(hit(60_005)).toEqual({ admitted: true, remaining: 0, resetMs: 60_000 });
  });

  test('slides: two bursts around a boundary share one quota', () => {
    const { hit } = createWindow({ max: 2, windowMs: 1_000 });
    expect([hit(999), hit(999), hit(1_001), hit(1_998)].map(({ admitted }) => admitted)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(hit(1_999).admitted).toBe(true);
  });

  test('tells what remains, and when the oldest hit leaves', () => {
    const { hit } = createWindow({ max: 3, windowMs: 1_000 });
    expect(hit(0)).toEqual({ admitted: true, remaining: 2, resetMs: 1_000 });
    expect(hit(400)).toEqual({ admitted: true, remaining: 1, resetMs: 600 });
    expect(hit(1_100)).toEqual({ admitted: true, remaining: 1, resetMs: 300 });
  });

  test('refused hits neither prolong the wait nor grow the log', () => {
    const { hit, size } = createWindow({ max: 2, windowMs: 1_000 });
    hit(0);
    hit(0);
    for (let nowMs = 1; nowMs < 1_000; nowMs++) expect(hit(nowMs).resetMs).toBe(1_000 - nowMs);
    expect(size()).toBe(2);
    expect(hit(1_000).admitted).toBe(true);
  });

  test('a lowered max refuses until so many hits have left that one more fits', () => {
    const { hit } = createWindow({ max: 3, windowMs: 1_000 });
    hit(0);
    hit(10);
    hit(20);
    expect(hit(30, { max: 1 })).toEqual({ admitted: false, remaining: 0, resetMs: 990 });
    expect(hit(1_020, { max: 1 }).admitted).toBe(true);
  });

  test('a clock that went back a day keeps a full window full, for one window', () => {
    const day = 86_400_000;
    const { hit } = createWindow({ max: 1, windowMs: 1_000 });
    hit(day);
    expect(hit(0)).toEqual({ admitted: false, remaining: 0, resetMs: 1_000 });
    expect(hit(999).admitted).toBe(false);
    expect(hit(1_000).admitted).toBe(true);
  });

  test('agrees with counting the admitted hits of each window by hand', () => {
    fc.assert(
      fc.property(policies, gapsMs, (policy, gaps) => {
        const { hit } = createWindow(policy);
        const admittedMs: number[] = [];
        for (const nowMs of cumulative(gaps)) {
          const used = inWindowEndingAt(admittedMs, nowMs, policy.windowMs);
          const { admitted, remaining } = hit(nowMs);
          expect(admitted).toBe(used < policy.max);
          expect(remaining).toBe(Math.max(0, policy.max - used - 1));
          if (admitted) admittedMs.push(nowMs);
        }
      }),
    );
  });

  test('the wait it names is exact: refused one millisecond before, admitted then', () => {
    fc.assert(
      fc.property(policies, gapsMs, (policy, gaps) => {
        let log: number[] = [];
        for (const nowMs of cumulative(gaps)) {
          const counted = countHit(log, nowMs, policy);
          log = counted.log;
          if (counted.hit.admitted) continue;
          expect(countHit(log, nowMs + counted.hit.resetMs - 1, policy).hit.admitted).toBe(false);
          expect(countHit(log, nowMs + counted.hit.resetMs, policy).hit.admitted).toBe(true);
        }
      }),
    );
  });

  test('a clock that steps back never lets more than max into any real window', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 20 })), {
      maxLength: 80,
      size: 'max',
    });
    fc.assert(
      fc.property(policies, steps, (policy, clock) => {
        const { hit, size } = createWindow(policy);
        const admittedMs: number[] = [];
        let realMs = 100_000;
        let behindMs = 0;
        for (const [passedMs, steppedBackMs] of clock) {
          realMs += passedMs;
          behindMs += steppedBackMs;
          if (hit(realMs - behindMs).admitted) admittedMs.push(realMs);
          expect(inWindowEndingAt(admittedMs, realMs, policy.windowMs)).toBeLessThanOrEqual(policy.max);
          expect(size()).toBeLessThanOrEqual(policy.max);
        }
      }),
    );
  });
});

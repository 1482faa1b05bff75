import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoginOutcome } from '../../src/login-guard/rules/login-attempts.ts';
import {
  advanceLedger,
  emptyLedger,
  identifierLimits,
  isBlankLedger,
  type Ledger,
  networkLimits,
  reserveInLedger,
  settleInLedger,
} from '../../src/login-guard/rules/login-ledger.ts';

const policy = { maxAttempts: 2, windowMs: 900_000, lockMs: 600_000 };
const limits = identifierLimits(policy);

const createLedger = (limit = limits) => {
  let ledger: Ledger = emptyLedger;
  let tickets = 0;
  const reserve = (pair: string | readonly string[] | null, nowMs: number) => {
    const networks = Array.isArray(pair) ? pair : pair === null ? [] : [pair];
    const entry = { ticket: `ticket ${++tickets}`, networks };
    const reserved = reserveInLedger(ledger, entry, nowMs, limit);
    ledger = reserved.ledger;
    return { entry, verdict: reserved.verdict };
  };
  const attempt = (pair: string | readonly string[] | null, nowMs: number, outcome: LoginOutcome) => {
    const { entry, verdict } = reserve(pair, nowMs);
    if (verdict.kind === 'admitted') ledger = settleInLedger(ledger, entry, outcome, nowMs, limit);
    return verdict.kind;
  };
  return { attempt, reserve, current: () => ledger };
};

describe('login ledger', () => {
  test('a locked pair leaves the identifier open at other addresses', () => {
    const { attempt } = createLedger();
    attempt('attacker', 0, 'failed');
    attempt('attacker', 0, 'failed');
    expect(attempt('attacker', 1, 'failed')).toBe('locked');
    expect(attempt('owner', 1, 'succeeded')).toBe('admitted');
  });

  test('a success clears the failures of its pair and of no other', () => {
    const { attempt } = createLedger();
    attempt('owner', 0, 'failed');
    attempt('attacker', 0, 'failed');
    attempt('owner', 1, 'succeeded');
    attempt('owner', 2, 'failed');
    expect(attempt('owner', 3, 'failed')).toBe('admitted');
    attempt('attacker', 4, 'failed');
    expect(attempt('attacker', 5, 'failed')).toBe('locked');
  });

  test('ten pairs’ worth of failures lock the identifier everywhere, even with successes in between', () => {
    const { attempt } = createLedger();
    for (let address = 0; address < 20; address++) {
      expect(attempt(`address ${address}`, address, 'failed')).toBe('admitted');
      if (address < 19) expect(attempt('owner', address, 'succeeded')).toBe('admitted');
    }
    expect(attempt('owner', 20, 'succeeded')).toBe('locked');
    expect(attempt('owner', 600_018, 'succeeded')).toBe('locked');
    expect(attempt('owner', 600_019, 'succeeded')).toBe('admitted');
  });

  test('an address is locked at twenty pairs’ worth, and its own success does not wipe them out', () => {
    const { attempt } = createLedger(networkLimits(policy, '203.0.113.7'));
    for (let count = 0; count < 40; count++) {
      expect(attempt(null, count, 'failed')).toBe('admitted');
      if (count < 39) expect(attempt(null, count, 'succeeded')).toBe('admitted');
    }
    expect(attempt(null, 40, 'succeeded')).toBe('locked');
  });

  test('a pair is locked at two, four and eight failures of a /64, a /56 and a /48', () => {
    const { attempt } = createLedger();
    const from = (subnet: number, host: number) => [`${subnet}:${host}/64`, `${subnet}/56`, 'site/48'];
    const guesses = (subnet: number) =>
      [0, 0, 0, 1, 1, 2].map((host) => attempt(from(subnet, host), 0, 'failed'));
    const four = ['admitted', 'admitted', 'locked', 'admitted', 'admitted', 'locked'];
    expect(guesses(0)).toEqual(four);
    expect(guesses(1)).toEqual(four);
    expect(guesses(2)).toEqual(Array(6).fill('locked'));
    expect(attempt(['owner'], 1, 'succeeded')).toBe('admitted');
  });

  test('a success clears the failures of its own /64, and not those of a neighbour in its /48', () => {
    const { attempt } = createLedger();
    const from = (host: number) => [`${host}/64`, `subnet ${host}/56`, 'site/48'];
    for (const host of [0, 1, 2, 3]) for (let count = 0; count < 2; count++) attempt(from(host), 0, 'failed');
    expect(attempt(from(4), 0, 'succeeded')).toBe('locked');

    const other = createLedger();
    for (let count = 0; count < 7; count++) {
      other.attempt(from(count), 0, 'failed');
      expect(other.attempt(from(9), 0, 'succeeded')).toBe('admitted');
    }
    other.attempt(from(7), 0, 'failed');
    expect(other.attempt(from(9), 0, 'succeeded')).toBe('locked');
  });

  test('a network has twenty pairs’ worth of failures, a /56 twice and a /48 four times as many', () => {
    const maxOf = (network: string) => networkLimits(policy, network).total.max;
    expect(['192.0.2.1', '2001:db8:1:2::/64', '2001:db8:1:0::/56', '2001:db8:1::/48'].map(maxOf)).toEqual([
      40, 40, 80, 160,
    ]);
  });

  test('a refused attempt is counted nowhere', () => {
    const { attempt, current } = createLedger();
    attempt('attacker', 0, 'failed');
    attempt('attacker', 0, 'failed');
    for (let nowMs = 1; nowMs < 100; nowMs++) attempt('attacker', nowMs, 'failed');
    expect(current().total.failedAtMs).toHaveLength(2);
  });

  test('a lock outranks places that are merely taken, even if it ends sooner', () => {
    const { attempt, reserve } = createLedger();
    attempt('a', 0, 'failed');
    attempt('a', 0, 'failed');
    for (let address = 0; address < 18; address++) reserve(`address ${address}`, 599_000);
    expect(reserve('b', 599_000).verdict).toEqual({ kind: 'full', retryAfterMs: 10_000 });
    expect(reserve('a', 599_000).verdict).toEqual({ kind: 'locked', retryAfterMs: 1_000 });
  });

  test('a settled success leaves nothing behind, and time clears the rest', () => {
    const { attempt, current } = createLedger();
    attempt('owner', 0, 'succeeded');
    expect(isBlankLedger(current(), 0)).toBe(true);
    attempt('owner', 0, 'failed');
    expect(isBlankLedger(advanceLedger(current(), 899_999, limits), 899_999)).toBe(false);
    expect(isBlankLedger(advanceLedger(current(), 900_000, limits), 900_000)).toBe(true);
  });

  test('in any order of attempts a pair tests at most its limit per lock, and storage stays bounded', () => {
    const outcomes = fc.constantFrom<LoginOutcome | 'never settled'>('failed', 'withdrawn', 'never settled');
    const steps = fc.array(
      fc.record({
        address: fc.integer({ min: 0, max: 40 }),
        gapMs: fc.integer({ max: 3_000, min: 0 }),
        outcome: outcomes,
      }),
      { maxLength: 150, size: 'max' },
    );
    const brief = { maxAttempts: 2, windowMs: 600_000, lockMs: 30_000 };
    fc.assert(
      fc.property(steps, (attempts) => {
        const { attempt, reserve, current } = createLedger(identifierLimits(brief));
        const testedMs = new Map<number, number[]>();
        let nowMs = 1_000_000;
        for (const { address, gapMs, outcome } of attempts) {
          nowMs += gapMs;
          const kind =
            outcome === 'never settled'
              ? reserve(`${address}`, nowMs).verdict.kind
              : attempt(`${address}`, nowMs, outcome);
          if (kind === 'admitted' && outcome !== 'withdrawn') {
            testedMs.set(address, [...(testedMs.get(address) ?? []), nowMs]);
          }
          expect(current().pairs.size).toBeLessThanOrEqual(20);
          expect(current().total.failedAtMs.length + current().total.pending.length).toBeLessThanOrEqual(20);
        }
        for (const timesMs of testedMs.values()) {
          timesMs.forEach((timeMs, index) => {
            const twoLater = timesMs[index + 2];
            if (twoLater !== undefined) expect(twoLater - timeMs).toBeGreaterThanOrEqual(brief.lockMs);
          });
        }
      }),
    );
  });
});

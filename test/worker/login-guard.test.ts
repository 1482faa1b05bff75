import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLoginGuard } from '../../src/adapters/login-guard.ts';
import type { LoginOutcome } from '../../src/domain/login-attempts.ts';
import { LoginGuard } from '../../src/durable-objects/login-guard.ts';

const namespace = (env as { LOGIN_GUARD: DurableObjectNamespace<LoginGuard> }).LOGIN_GUARD;
const policy = { maxAttempts: 5, windowMs: 900_000, lockMs: 900_000 };
// Far ahead of the runtime's own clock, so that alarms wait for the test to run them.
const startMs = Date.UTC(2100, 0, 1);

/** The names of the objects that the Worker's side called. */
const names: string[] = [];
const getByName = (name: string) => {
  names.push(name);
  return namespace.getByName(name);
};
const watched = { getByName } as typeof namespace;
const guard = createLoginGuard(watched, policy);
/** Locks a pair at 1, an identifier at 10, an address at 20. */
const strictGuard = createLoginGuard(watched, { ...policy, maxAttempts: 1 });

// Drawn anew for each test, so that none meets another's counts.
let ann = '';
let office = '';
let elsewhere = '';

/** A login whose password check takes a moment; true where the check was reached. */
const login = async (
  identifier: string,
  ip: string | null,
  outcome: LoginOutcome,
  { reserve } = guard,
): Promise<boolean> => {
  const attempt = await reserve(identifier, ip);
  if (!attempt.admitted) return false;
  await scheduler.wait(5);
  await attempt.settle(outcome);
  return true;
};

const times = (count: number, work: (index: number) => Promise<boolean>): Promise<boolean[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

const reached = (results: readonly boolean[]): number => results.filter(Boolean).length;

const lock = async (identifier: string, ip: string): Promise<void> => {
  for (let count = 0; count < 5; count++) await login(identifier, ip, 'failed');
};

const evictBoth = async (): Promise<void> => {
  const objects = new Set([...names, `address|${office}`]);
  await Promise.all([...objects].map((name) => evictDurableObject(namespace.getByName(name))));
};

/** The storage of the objects in `names`, as JSON; empty where there is none. */
const stored = async (): Promise<string> => {
  const dumps = names.map((name) =>
    runInDurableObject(namespace.getByName(name), (_, state) =>
      JSON.stringify([...state.storage.kv.list()], (_key, value) =>
        value instanceof Map ? [...value] : value,
      ),
    ),
  );
  return (await Promise.all(dumps)).filter((dump) => dump !== '[]').join('\n');
};

describe('login guard', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: startMs });
    [ann, office, elsewhere] = [
      `ann-${crypto.randomUUID()}@example.com`,
      crypto.randomUUID(),
      crypto.randomUUID(),
    ];
    names.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('of 100 parallel wrong guesses exactly five reach the password check', async () => {
    expect(reached(await times(100, () => login(ann, office, 'failed')))).toBe(5);
  });

  test('100 parallel logins with the right password all pass', async () => {
    expect(reached(await times(100, () => login(ann, office, 'succeeded')))).toBe(100);
  });

  test('locks after five failures and names the seconds until it opens, which it does', async () => {
    await lock(ann, office);
    expect(await guard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 900 });
    vi.setSystemTime(startMs + 858_001);
    expect(await guard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 42 });
    vi.setSystemTime(startMs + 899_999);
    expect(await guard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 1 });
    vi.setSystemTime(startMs + 900_000);
    expect(await login(ann, office, 'succeeded')).toBe(true);
  });

  test('a lock and the count before it survive eviction', async () => {
    for (let count = 0; count < 5; count++) {
      await login(ann, office, 'failed');
      await evictBoth();
    }
    expect(await login(ann, office, 'succeeded')).toBe(false);
  });

  test('a reservation survives eviction, and without an outcome it counts as failed', async () => {
    for (let count = 0; count < 5; count++) await guard.reserve(ann, office);
    await evictBoth();
    vi.setSystemTime(startMs + 10_000);
    expect(await guard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 890 });
  });

  test('a reservation counts for its address too, across eviction', async () => {
    for (let count = 0; count < 20; count++) {
      expect(await strictGuard.reserve(`${count}-${ann}`, office)).toMatchObject({ admitted: true });
    }
    await evictBoth();
    vi.setSystemTime(startMs + 10_000);
    expect(await strictGuard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 890 });
  });

  test('what was settled stays settled across eviction', async () => {
    await times(20, (index) => login(`${index}-${ann}`, office, 'succeeded', strictGuard));
    await evictBoth();
    vi.setSystemTime(startMs + 10_000);
    expect(await login(`0-${ann}`, office, 'succeeded', strictGuard)).toBe(true);
  });

  test('an attempt refused for its address takes no place of its identifier', async () => {
    for (let count = 0; count < 20; count++) await login(`${count}-${ann}`, office, 'failed', strictGuard);
    vi.setSystemTime(startMs + 895_000);
    expect(await strictGuard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 5 });
    vi.setSystemTime(startMs + 900_000);
    expect(await strictGuard.reserve(ann, office)).toMatchObject({ admitted: true });
  });

  test('the owner logs in from another address while a pair is locked', async () => {
    await lock(ann, office);
    expect(await login(ann, elsewhere, 'succeeded')).toBe(true);
    expect(await login(ann, office, 'succeeded')).toBe(false);
  });

  test('a success clears the count of its pair', async () => {
    for (let count = 0; count < 4; count++) await login(ann, office, 'failed');
    await login(ann, office, 'succeeded');
    for (let count = 0; count < 5; count++) {
      expect(await login(ann, office, 'failed')).toBe(true);
    }
    expect(await login(ann, office, 'failed')).toBe(false);
  });

  test('who is forgiven is let in at once, from everywhere, across eviction', async () => {
    await lock(ann, office);
    await guard.forgive([ann, 'nobody-by-that-name']);
    expect(names).toHaveLength(7);
    await evictBoth();
    expect(await login(ann, office, 'succeeded')).toBe(true);

    const guess = (index: number) => login(ann, `${office}-${index}`, 'failed', strictGuard);
    expect(reached(await times(15, guess))).toBe(10);
    await strictGuard.forgive([` ${ann.toUpperCase()}`]);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('attempts in flight go on counting when their identifier is forgiven', async () => {
    const attempts = await Promise.all(Array.from({ length: 5 }, () => guard.reserve(ann, office)));
    await guard.forgive([ann]);
    for (const attempt of attempts) if (attempt.admitted) await attempt.settle('failed');
    expect(await login(ann, office, 'succeeded')).toBe(false);
  });

  test('an address keeps its failures, whoever is forgiven', async () => {
    for (let count = 0; count < 20; count++) await login(`${count}-${ann}`, office, 'failed', strictGuard);
    await strictGuard.forgive([ann, `0-${ann}`]);
    expect(await login(`0-${ann}`, office, 'succeeded', strictGuard)).toBe(false);
  });

  test('forgiving who has no count writes nothing', async () => {
    await guard.forgive([ann]);
    expect(await stored()).toBe('');
  });

  test('an attempt that compared no password is given back', async () => {
    for (let count = 0; count < 20; count++) {
      expect(await login(ann, office, 'withdrawn')).toBe(true);
    }
  });

  test('guesses from many addresses lock the identifier at ten pairs’ worth', async () => {
    const guess = (index: number) => login(ann, `${office}-${index}`, 'failed', strictGuard);
    expect(reached(await times(15, guess))).toBe(10);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(false);
  });

  test('an address that tries many identifiers is locked at twenty, its own account notwithstanding', async () => {
    for (let batch = 0; batch < 4; batch++) {
      const guess = (index: number) => login(`${batch}-${index}-${ann}`, office, 'failed', strictGuard);
      expect(reached(await times(5, guess))).toBe(5);
      if (batch < 3) expect(await login(`eve-${ann}`, office, 'succeeded', strictGuard)).toBe(true);
    }
    expect(await login(`eve-${ann}`, office, 'succeeded', strictGuard)).toBe(false);
    expect(await login(`eve-${ann}`, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('a locked address leaves nothing in the storage of the identifiers it tries', async () => {
    await times(20, (index) => login(`${index}-${ann}`, office, 'failed', strictGuard));
    names.length = 0;
    expect(await login(ann, office, 'failed', strictGuard)).toBe(false);
    expect(names).toHaveLength(1);
    expect(await stored()).toBe('');
  });

  test('spellings that name one account share one count', async () => {
    const spellings = [ann, ` ${ann.toUpperCase()}`, `${ann} `, ann.replace('a', 'ａ')];
    for (const spelling of spellings) await login(spelling, office, 'failed');
    await login(ann, office, 'failed');
    expect(await login(ann, office, 'failed')).toBe(false);
  });

  test('clients without an address share one bucket', async () => {
    for (let count = 0; count < 5; count++) await login(ann, null, 'failed');
    expect(await login(ann, null, 'succeeded')).toBe(false);
  });

  test('neither names nor storage hold what the user typed', async () => {
    await login(ann, office, 'failed');
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^identifier\|[0-9a-f]{64}$/);
    expect(await stored()).toContain(office);
    expect(await stored()).not.toContain('ann');
  });

  test('answers 503 when the object cannot be reached, rather than let a guess go uncounted', async () => {
    const getByName = () => ({ reserve: () => Promise.reject(new Error('unreachable')) });
    const broken = createLoginGuard({ getByName } as unknown as typeof namespace, policy);
    await expect(broken.reserve(ann, office)).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  test('waits a few seconds for attempts in flight, then refuses until they must be settled', async () => {
    for (let count = 0; count < 5; count++) await guard.reserve(ann, office);
    expect(await guard.reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 10 });
  });

  test('an attempt that the address’s object cannot count is not counted at all', async () => {
    const reserveForAddress = vi.spyOn(LoginGuard.prototype, 'reserveForAddress');
    reserveForAddress.mockRejectedValueOnce(new Error('unreachable'));
    await expect(strictGuard.reserve(ann, office)).rejects.toMatchObject({ code: 'service_unavailable' });
    reserveForAddress.mockRestore();
    expect(await strictGuard.reserve(ann, office)).toMatchObject({ admitted: true });
  });

  test('the alarm empties both objects once nothing counts, and not before', async () => {
    await login(ann, office, 'failed');
    names.push(`address|${office}`);
    const runAlarms = () =>
      Promise.all(names.map((name) => runDurableObjectAlarm(namespace.getByName(name))));

    vi.setSystemTime(startMs + 899_999);
    expect(await runAlarms()).toEqual([true, true]);
    expect((await stored()).split('\n')).toHaveLength(2);

    await evictBoth();
    vi.setSystemTime(startMs + 1_800_000);
    expect(await runAlarms()).toEqual([true, true]);
    expect(await stored()).toBe('');
  });
});

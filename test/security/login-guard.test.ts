import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loginNameOf } from '../../src/accounts/rules/account.ts';
import { createLoginGuard } from '../../src/login-guard/login-guard.ts';
import { type Attempt, LoginGuard, type Refused } from '../../src/login-guard/login-guard-object.ts';
import type { Challenge, LoginOutcome } from '../../src/login-guard/rules/login-attempts.ts';
import type { Standing } from '../../src/login-guard/rules/login-ledger.ts';
import type { Networks } from '../../src/platform/rules/network.ts';

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
/** Locks a pair at 1, an identifier at 10, a network at 20. */
const strictGuard = createLoginGuard(watched, { ...policy, maxAttempts: 1 });

// Drawn anew for each test, so that none meets another's counts.
let ann = '';
let office = '';
let elsewhere = '';

/** Where a request comes from: one network of its own, or several around it. */
type From = string | null | Networks;
const networksOf = (from: From): Networks =>
  (Array.isArray(from) ? (from as Networks) : [from ?? 'unknown']) as Networks;
const reserve = (identifier: string, from: From, by = guard, standing: Standing | null = null) =>
  by.reserve(loginNameOf(identifier), networksOf(from), async () => standing);
const strictReserve = (identifier: string, from: From) => reserve(identifier, from, strictGuard);

/** A login whose password check takes a moment; true where the check was reached. */
const login = async (
  identifier: string,
  from: From,
  outcome: LoginOutcome,
  by = guard,
  standing: Standing | null = null,
): Promise<boolean> => {
  const attempt = await reserve(identifier, from, by, standing);
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

/** As an identifier is named in a key. */
const pseudonym = async (identifier: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(identifier));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
};

/** The object that has the ledgers of an identifier, or of a network. */
const shardOf = async (text: string): Promise<DurableObjectStub<LoginGuard>> =>
  namespace.getByName(`shard|${Number.parseInt((await pseudonym(text)).slice(0, 2), 16) % 64}`);

/** Everything that the object has in memory goes, as it does in production after some seconds of silence. */
const evict = async (...texts: readonly string[]): Promise<void> => {
  const shards = await Promise.all(texts.map(shardOf));
  const distinct = new Map(shards.map((shard) => [String(shard.id), shard]));
  for (const shard of distinct.values()) {
    await shard.forgive([]);
    await evictDurableObject(shard);
  }
};

/** The ledgers of an identifier or of a network, as they are stored. */
const stored = async (text: string): Promise<string[]> => {
  const part = await pseudonym(text);
  return runInDurableObject(await shardOf(text), (_, { storage }) =>
    storage.sql
      .exec<{ key: string; ledger: string }>('select key, ledger from ledgers')
      .toArray()
      .filter(({ key }) => key.includes(part) || key.includes(text))
      .map(({ key, ledger }) => `${key} ${ledger}`),
  );
};

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

describe('login guard', () => {
  // Proves ASVS 6.3.1; ASVS 15.4.2.
  test('of 100 parallel wrong guesses exactly five reach the password check', async () => {
    expect(reached(await times(100, () => login(ann, office, 'failed')))).toBe(5);
  });

  test('100 parallel logins with the right password all pass', async () => {
    expect(reached(await times(100, () => login(ann, office, 'succeeded')))).toBe(100);
  });

  describe('with challenges', () => {
    /** @returns what the guard decided about an attempt that was then settled */
    const challenged = async (
      identifier: string,
      from: From,
      challenge: Challenge,
      outcome: LoginOutcome,
    ): Promise<string> => {
      const attempt = await guard.reserve(
        loginNameOf(identifier),
        networksOf(from),
        async () => null,
        challenge,
      );
      if (!attempt.admitted) return attempt.isChallenged ? 'challenged' : 'locked';
      await scheduler.wait(5);
      await attempt.settle(outcome);
      return attempt.isDoubtful ? 'doubtful' : 'admitted';
    };
    const tally = (decisions: readonly string[]) => Object.groupBy(decisions, (decision) => decision);
    const many = (count: number, attempt: () => Promise<string>) =>
      Promise.all(Array.from({ length: count }, attempt));

    // Proves ASVS 15.4.2.
    test('of 50 parallel wrong guesses without a token three reach the password check', async () => {
      const decisions = tally(await many(50, () => challenged(ann, office, 'missing', 'failed')));
      expect([decisions.admitted?.length, decisions.challenged?.length]).toEqual([3, 47]);
    });

    test('of 50 parallel wrong guesses with tokens five reach it, and two or more need a good token', async () => {
      const decisions = tally(await many(50, () => challenged(ann, office, 'offered', 'failed')));
      expect([decisions.admitted?.length, decisions.doubtful?.length, decisions.locked?.length]).toEqual([
        3, 2, 45,
      ]);
    });

    test('50 parallel logins without a token and with the right password all pass', async () => {
      const decisions = await many(50, () => challenged(ann, office, 'missing', 'succeeded'));
      expect(Object.keys(tally(decisions))).toEqual(['admitted']);
    });

    test('an attempt without a token holds up none that has one', async () => {
      await login(ann, office, 'failed');
      const [first, second] = [await reserve(ann, office), await reserve(ann, office)];
      const waiting = challenged(ann, office, 'missing', 'succeeded');
      expect(await challenged(ann, office, 'offered', 'failed')).toBe('doubtful');
      for (const attempt of [first, second]) if (attempt.admitted) await attempt.settle('failed');
      expect(await waiting).toBe('challenged');
    });

    test('a challenged attempt counts nothing, and a token opens no lock', async () => {
      for (let count = 0; count < 3; count++) await login(ann, office, 'failed');
      const before = [await stored(ann), await stored(office)];
      for (let count = 0; count < 10; count++)
        expect(await challenged(ann, office, 'missing', 'failed')).toBe('challenged');
      expect([await stored(ann), await stored(office)]).toEqual(before);
      for (let count = 0; count < 2; count++)
        expect(await challenged(ann, office, 'offered', 'failed')).toBe('doubtful');
      expect(await challenged(ann, office, 'offered', 'succeeded')).toBe('locked');
      expect(await challenged(ann, office, 'missing', 'succeeded')).toBe('locked');
    });

    test('a network that tries many names is challenged at half of its failures, for names without any', async () => {
      for (let count = 0; count < 50; count++) {
        expect(await challenged(`${count}-${ann}`, office, 'missing', 'failed')).toBe('admitted');
      }
      expect(await challenged(ann, office, 'missing', 'succeeded')).toBe('challenged');
      expect(await challenged(ann, office, 'offered', 'succeeded')).toBe('doubtful');
      expect(await challenged(ann, elsewhere, 'missing', 'succeeded')).toBe('admitted');
    });

    test('the owner is challenged too when many networks have failed at the account', async () => {
      for (let count = 0; count < 25; count++) await login(ann, `${office}-${count}`, 'failed');
      expect(await challenged(ann, elsewhere, 'missing', 'succeeded')).toBe('challenged');
    });

    test('an account whose places without a token are taken asks its familiar networks for no token', async () => {
      await Promise.all(Array.from({ length: 25 }, (_, index) => reserve(ann, `${office}-${index}`)));
      const standing = async () => 'familiar' as const;
      const attempt = await guard.reserve(loginNameOf(ann), [elsewhere], standing, 'missing');
      expect(attempt).toEqual({ admitted: true, settle: expect.any(Function) });
    });

    test('an account that is locked everywhere asks its familiar networks for no token', async () => {
      for (let count = 0; count < 50; count++) await login(ann, `${office}-${count}`, 'failed');
      const standing = async () => 'familiar' as const;
      const attempt = await guard.reserve(loginNameOf(ann), [elsewhere], standing, 'missing');
      expect(attempt).toEqual({ admitted: true, settle: expect.any(Function) });
    });
  });

  // Proves RFC 9110, 10.2.3.
  test('the guard locks after five failures and opens after the seconds that it names', async () => {
    await lock(ann, office);
    expect(await reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 900 });
    vi.setSystemTime(startMs + 858_001);
    expect(await reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 42 });
    vi.setSystemTime(startMs + 899_999);
    expect(await reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 1 });
    vi.setSystemTime(startMs + 900_000);
    expect(await login(ann, office, 'succeeded')).toBe(true);
  });

  test('a lock and the count before it survive eviction', async () => {
    for (let count = 0; count < 5; count++) {
      await login(ann, office, 'failed');
      await evict(ann, office);
    }
    expect(await login(ann, office, 'succeeded')).toBe(false);
  });

  test('a reservation survives eviction, and without an outcome it counts as failed', async () => {
    for (let count = 0; count < 5; count++) await reserve(ann, office);
    await evict(ann, office);
    vi.setSystemTime(startMs + 10_000);
    expect(await reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 890 });
  });

  test('a reservation counts for its address too, across eviction', async () => {
    for (let count = 0; count < 20; count++) {
      expect(await strictReserve(`${count}-${ann}`, office)).toMatchObject({ admitted: true });
    }
    await evict(ann, office);
    vi.setSystemTime(startMs + 10_000);
    expect(await strictReserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 890 });
  });

  test('a settled attempt stays settled across eviction', async () => {
    await times(20, (index) => login(`${index}-${ann}`, office, 'succeeded', strictGuard));
    await evict(ann, office);
    vi.setSystemTime(startMs + 10_000);
    expect(await login(`0-${ann}`, office, 'succeeded', strictGuard)).toBe(true);
  });

  test('an attempt refused for its address takes no place of its identifier', async () => {
    for (let count = 0; count < 20; count++) await login(`${count}-${ann}`, office, 'failed', strictGuard);
    vi.setSystemTime(startMs + 895_000);
    expect(await strictReserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 5 });
    vi.setSystemTime(startMs + 900_000);
    expect(await strictReserve(ann, office)).toMatchObject({ admitted: true });
  });

  // Proves ASVS 6.3.1.
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

  test('a forgiven account can log in at once, from everywhere, across eviction', async () => {
    await lock(ann, office);
    await guard.forgive([ann, 'nobody-by-that-name'].map(loginNameOf), [office]);
    expect(names).toHaveLength(7);
    await evict(ann, office);
    expect(await login(ann, office, 'succeeded')).toBe(true);

    const guess = (index: number) => login(ann, `${office}-${index}`, 'failed', strictGuard);
    expect(reached(await times(15, guess))).toBe(10);
    await strictGuard.forgive([ann.toUpperCase()].map(loginNameOf), [office]);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('a stranger’s lock stays when the owner is forgiven, so that it does not tell that there is an owner', async () => {
    await lock(ann, elsewhere);
    await lock(ann, office);
    await guard.forgive([ann].map(loginNameOf), [office]);
    expect(await login(ann, office, 'succeeded')).toBe(true);
    expect(await login(ann, elsewhere, 'succeeded')).toBe(false);
  });

  test('attempts in flight go on counting when their identifier is forgiven', async () => {
    const attempts = await Promise.all(Array.from({ length: 5 }, () => reserve(ann, office)));
    await guard.forgive([ann].map(loginNameOf), [office]);
    for (const attempt of attempts) if (attempt.admitted) await attempt.settle('failed');
    expect(await login(ann, office, 'succeeded')).toBe(false);
  });

  test('an address keeps its failures when accounts are forgiven', async () => {
    for (let count = 0; count < 20; count++) await login(`${count}-${ann}`, office, 'failed', strictGuard);
    await strictGuard.forgive([ann, `0-${ann}`].map(loginNameOf), [office]);
    expect(await login(`0-${ann}`, office, 'succeeded', strictGuard)).toBe(false);
  });

  test('forgiving an account without a count writes nothing', async () => {
    await guard.forgive([ann].map(loginNameOf), [office]);
    expect(await stored(ann)).toEqual([]);
  });

  test('an attempt that compared no password is given back', async () => {
    for (let count = 0; count < 20; count++) {
      expect(await login(ann, office, 'withdrawn')).toBe(true);
    }
  });

  // Proves ASVS 6.3.1.
  test('guesses from many addresses lock the identifier at ten pairs’ worth', async () => {
    const guess = (index: number) => login(ann, `${office}-${index}`, 'failed', strictGuard);
    expect(reached(await times(15, guess))).toBe(10);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(false);
  });

  test('a network that the account knows gets in while guesses from elsewhere lock the account', async () => {
    await times(10, (index) => login(ann, `${office}-${index}`, 'failed', strictGuard));
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(false);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard, 'familiar')).toBe(true);
  });

  test('networks that the account knows have limits of their own: one each, ten together', async () => {
    await times(10, (index) => login(ann, `${office}-${index}`, 'failed', strictGuard));
    const guess = (index: number) => login(ann, `${elsewhere}-${index}`, 'failed', strictGuard, 'familiar');
    expect(await guess(0)).toBe(true);
    expect(await guess(0)).toBe(false);
    expect(reached(await times(15, guess))).toBe(9);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard, 'familiar')).toBe(false);
    await strictGuard.forgive([ann].map(loginNameOf), [office]);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('a live session gets in while guesses from a network that the account knows lock it for those', async () => {
    await times(10, (index) => login(ann, `${office}-${index}`, 'failed', strictGuard));
    await times(10, (index) => login(ann, `${elsewhere}-${index}`, 'failed', strictGuard, 'familiar'));
    expect(await login(ann, `${elsewhere}-new`, 'succeeded', strictGuard, 'familiar')).toBe(false);
    expect(await login(ann, `${elsewhere}-new`, 'succeeded', strictGuard, 'session')).toBe(true);
  });

  test('a network that has used up its own guesses is refused, even if the account knows it', async () => {
    expect(await login(ann, office, 'failed', strictGuard, 'familiar')).toBe(true);
    expect(await login(ann, office, 'succeeded', strictGuard, 'familiar')).toBe(false);
  });

  // Proves ASVS 6.3.1.
  test('an address that tries many identifiers is locked at twenty failures, even if its own logins succeed', async () => {
    for (let batch = 0; batch < 4; batch++) {
      const guess = (index: number) => login(`${batch}-${index}-${ann}`, office, 'failed', strictGuard);
      expect(reached(await times(5, guess))).toBe(5);
      if (batch < 3) expect(await login(`eve-${ann}`, office, 'succeeded', strictGuard)).toBe(true);
    }
    expect(await login(`eve-${ann}`, office, 'succeeded', strictGuard)).toBe(false);
    expect(await login(`eve-${ann}`, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('a locked network leaves nothing in the ledgers of the identifiers it tries', async () => {
    await times(20, (index) => login(`${index}-${ann}`, office, 'failed', strictGuard));
    names.length = 0;
    expect(await login(ann, office, 'failed', strictGuard)).toBe(false);
    expect(names).toHaveLength(1);
    expect(await stored(ann)).toEqual([]);
  });

  // Proves ASVS 6.3.4.
  test('spellings that the look-up treats as one account share one count', async () => {
    for (const spelling of [ann, ann.toUpperCase(), ` ${ann}`, ann.replace('a', 'A'), `${ann}\r\n`]) {
      expect(await login(spelling, office, 'failed')).toBe(true);
    }
    expect(await login(ann.toUpperCase(), office, 'failed')).toBe(false);
  });

  test('spellings that the look-up treats as different accounts have counts of their own, so that a lock does not tell whether an account exists', async () => {
    const others = [`x${ann}`, `${ann}x`, ann.replace('a', 'ａ')];
    for (const other of others) for (let count = 0; count < 5; count++) await login(other, null, 'failed');
    expect(await login(ann, null, 'failed')).toBe(true);
  });

  test('clients without an address share one bucket', async () => {
    for (let count = 0; count < 5; count++) await login(ann, null, 'failed');
    expect(await login(ann, null, 'succeeded')).toBe(false);
  });

  test('neither names nor storage hold what the user typed', async () => {
    await login(ann, office, 'failed');
    expect(names).toEqual([expect.stringMatching(/^shard\|\d{1,2}$/)]);
    const rows = [...(await stored(ann)), ...(await stored(office))];
    expect(rows).toHaveLength(2);
    expect(rows.join()).toContain(office);
    expect(rows.join()).not.toContain('ann');
  });

  // Proves ASVS 16.5.3.
  test('the guard answers 503 when its object cannot be reached, so that no guess goes uncounted', async () => {
    const getByName = () => ({ reserve: () => Promise.reject(new Error('unreachable')) });
    const broken = createLoginGuard({ getByName } as unknown as typeof namespace, policy);
    await expect(reserve(ann, office, broken)).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  // Proves ASVS 15.4.3.
  test('the guard waits a few seconds for attempts in flight, then refuses until they must be settled', async () => {
    for (let count = 0; count < 5; count++) await reserve(ann, office);
    expect(await reserve(ann, office)).toEqual({ admitted: false, retryAfterSeconds: 10 });
  });

  test('an attempt that waits for a place of its own network holds up no other network', async () => {
    const held = await Promise.all(
      [office, ...Array.from({ length: 9 }, (_, index) => `${office}-${index}`)].map((from) =>
        strictReserve(ann, from),
      ),
    );
    const [own, other] = held;
    if (!own?.admitted || !other?.admitted) throw new Error('the places are not held');
    const order: string[] = [];
    const waiting = [office, elsewhere].map(async (from) => {
      const attempt = await strictReserve(ann, from);
      order.push(`${from === office ? 'same' : 'other'} network ${attempt.admitted ? 'in' : 'refused'}`);
    });
    await scheduler.wait(50);
    await other.settle('withdrawn');
    await waiting[1];
    await own.settle('withdrawn');
    await Promise.all(waiting);
    expect(order).toEqual(['other network in', 'same network in']);
  });

  test('a network that the account knows gets in while attempts in flight hold all places', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, index) => strictReserve(ann, `${office}-${index}`)));
    const [stranger, owner] = await Promise.all([
      login(ann, `${elsewhere}-1`, 'succeeded', strictGuard),
      login(ann, elsewhere, 'succeeded', strictGuard, 'familiar'),
    ]);
    expect([stranger, owner]).toEqual([false, true]);
  });

  // Proves ASVS 6.3.1.
  test('a network that is locked by itself gets no second allowance while attempts in flight hold all places', async () => {
    await login(ann, office, 'failed', strictGuard);
    await Promise.all(Array.from({ length: 9 }, (_, index) => strictReserve(ann, `${office}-${index}`)));
    expect(await login(ann, office, 'succeeded', strictGuard, 'familiar')).toBe(false);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard, 'familiar')).toBe(true);
  });

  test('an attempt that the networks’ shard cannot count is not counted at all', async () => {
    const reserveIn = vi.spyOn(LoginGuard.prototype, 'reserveIn');
    reserveIn.mockImplementation(async () => {
      reserveIn.mockRestore();
      return { kind: 'admitted' };
    });
    reserveIn.mockRejectedValueOnce(new Error('unreachable'));
    await expect(strictReserve(ann, office)).rejects.toMatchObject({ code: 'service_unavailable' });
    vi.restoreAllMocks();
    expect(await strictReserve(ann, office)).toMatchObject({ admitted: true });
  });

  test('the alarm deletes the ledgers in which nothing counts any more, and no others', async () => {
    const runAlarm = async () => runDurableObjectAlarm(await shardOf(ann));
    await login(ann, office, 'failed');
    vi.setSystemTime(startMs + 899_999);
    expect(await runAlarm()).toBe(true);
    expect(await stored(ann)).toHaveLength(1);

    await evict(ann);
    vi.setSystemTime(startMs + 900_000);
    expect(await runAlarm()).toBe(true);
    expect(await stored(ann)).toEqual([]);
    await login(ann, office, 'failed');
    expect(await stored(ann)).toHaveLength(1);
    expect(await runAlarm()).toBe(true);
    expect(await stored(ann)).toHaveLength(1);
  });

  test('an object from the time when each identifier had its own is emptied by its alarm', async () => {
    const old = namespace.getByName(`identifier|${await pseudonym(ann)}`);
    await runInDurableObject(old, async (instance, { storage }) => {
      storage.kv.put('attempts', {});
      await instance.alarm();
      expect([...storage.kv.list()]).toEqual([]);
    });
  });
});

describe('a fixed number of objects', () => {
  test('hold all ledgers: an identifier’s shard is one of 64, as is a network’s', async () => {
    for (let count = 0; count < 30; count++)
      await login(`${count}-${crypto.randomUUID()}`, `${count}-${office}`, 'failed');
    expect(new Set(names).size).toBeGreaterThan(10);
    for (const name of names) expect(name).toMatch(/^shard\|([1-5]?\d|6[0-3])$/);
  });

  test('no ledger waits for another one of its shard', async () => {
    const waiting = Array.from({ length: 5 }, () => reserve(ann, office));
    await Promise.all(waiting);
    const sixth = login(ann, office, 'succeeded');
    expect(reached(await times(20, (index) => login(`${index}-${ann}`, elsewhere, 'succeeded')))).toBe(20);
    for (const attempt of await Promise.all(waiting)) if (attempt.admitted) void attempt.settle('withdrawn');
    expect(await sixth).toBe(true);
  });
});

describe('an IPv6 network', () => {
  const from = (subnet: number, host: number): Networks => [
    `${office}:${subnet}${host}::/64`,
    `${office}:${subnet}::/56`,
    `${office}::/48`,
  ];

  test('has twice the guesses of a /64 at one account as a /56, and four times as a /48', async () => {
    const guesses = await times(16, (host) => login(ann, from(host >> 2, host & 3), 'failed', strictGuard));
    expect(reached(guesses)).toBe(4);
    const inOne = await times(16, (host) => login(`other-${ann}`, from(0, host), 'failed', strictGuard));
    expect(reached(inOne)).toBe(2);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });

  test('that tries many accounts is locked as a /56 at twice what locks a /64, and as a /48 at four times', async () => {
    const guess = (subnet: number, host: number) => (index: number) =>
      login(`${subnet}-${host}-${index}-${ann}`, from(subnet, host), 'failed', strictGuard);
    expect(reached(await times(25, guess(0, 0)))).toBe(20);
    expect(reached(await times(25, guess(0, 1)))).toBe(20);
    expect(reached(await times(25, guess(0, 2)))).toBe(0);
    expect(reached(await times(25, guess(1, 0)))).toBe(20);
    expect(reached(await times(25, guess(2, 0)))).toBe(20);
    expect(reached(await times(25, guess(3, 0)))).toBe(0);
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(true);
  });
});

test('an attempt that has waited for the count of all networks waits a second for the next one, not as long again', async () => {
  const patience: number[] = [];
  const full = async (attempt: Attempt): Promise<Refused> => {
    patience.push(attempt.patienceMs);
    return { admitted: false, retryAfterMs: 1_000, takenEverywhere: true, waitedMs: attempt.patienceMs };
  };
  const busyGuard = createLoginGuard({ getByName: () => ({ reserve: full }) } as never, policy);
  expect(await reserve(ann, office, busyGuard, 'familiar')).toMatchObject({ admitted: false });
  expect(patience).toEqual([8_000, 1_000]);
});

describe('codes of one address', () => {
  const guessCode = async (index: number, outcome: LoginOutcome = 'failed', email = ann) => {
    const attempt = await guard.reserveCode(email, [`${office}-${index >> 2}`]);
    return attempt.admitted ? attempt.settle(outcome) : attempt.retryAfterSeconds;
  };

  test('are refused for a day after ten wrong ones from anywhere, and the tenth says so', async () => {
    const answers: unknown[] = [];
    for (let index = 0; index < 12; index++) answers.push(await guessCode(index));
    expect(answers).toEqual([...Array(9).fill(null), 'identifier', 86_400, 86_400]);
    vi.setSystemTime(startMs + 86_400_000);
    expect(await guessCode(90, 'succeeded')).toBeNull();
  });

  test('leave the logins of the same address alone', async () => {
    await times(10, async (index) => (await guessCode(index)) === null);
    expect(await login(ann, elsewhere, 'succeeded')).toBe(true);
  });

  test('stay refused when the owner is forgiven, so that the lock does not tell that there is an owner', async () => {
    await times(10, async (index) => (await guessCode(index)) === null);
    await guard.forgive([ann].map(loginNameOf), [office]);
    expect(await guessCode(90, 'succeeded')).toBe(86_400);
  });

  test('are guessed fifty times a day from one network, however many addresses it tries', async () => {
    const guess = async (index: number) => {
      const attempt = await guard.reserveCode(`${index}-${ann}`, [elsewhere]);
      if (!attempt.admitted) return false;
      await attempt.settle('failed');
      return true;
    };
    expect(reached(await times(50, guess))).toBe(50);
    vi.setSystemTime(startMs + 86_399_000);
    expect(await guess(50)).toBe(false);
    expect(await login(ann, elsewhere, 'succeeded')).toBe(true);
    vi.setSystemTime(startMs + 86_400_000);
    expect(await guess(51)).toBe(true);
  });

  test('are guessed from one network five times, and count for the network too', async () => {
    const strict = (email: string) => strictGuard.reserveCode(email, [elsewhere]);
    for (let address = 0; address < 4; address++) {
      for (let count = 0; count < 5; count++) {
        const attempt = await strict(`${address}-${ann}`);
        expect(attempt.admitted).toBe(true);
        if (attempt.admitted) await attempt.settle('failed');
      }
      expect((await strict(`${address}-${ann}`)).admitted).toBe(false);
    }
    expect(await login(ann, elsewhere, 'succeeded', strictGuard)).toBe(false);
  });
});

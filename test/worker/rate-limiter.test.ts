import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRateLimiter } from '../../src/platform/rate-limiter/rate-limiter.ts';
import type { RateLimiter } from '../../src/platform/rate-limiter/rate-limiter-object.ts';
import type { Caller, RateLimiter as Limiter, RatePolicy } from '../../src/platform/rules/sliding-window.ts';
import type { SessionGate } from '../../src/sessions/session-gate-object.ts';

const { RATE_LIMITER: namespace, SESSION_GATE: gates } = env as {
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  SESSION_GATE: DurableObjectNamespace<SessionGate>;
};
const policy = { name: 'default', max: 100, windowMs: 60_000 };
// Far ahead of the runtime's own clock, so that only the test runs alarms.
const startMs = Date.UTC(2100, 0, 1);

const options = { doubtMs: 3_600_000, countsOf: (userId: string) => gates.getByName(userId) };
/** A caller without a session, in a network of its own. */
const newCaller = (): Caller => ({ networks: [crypto.randomUUID()], session: null });
/** A session of a person, in a network of its own. */
const newSession = (userId: string = crypto.randomUUID()): Caller => ({
  networks: [crypto.randomUUID()],
  session: { userId, sessionId: crypto.randomUUID() },
});
const newObject = () => namespace.getByName(crypto.randomUUID());
const bucket = (max: number) => [{ name: 'all', max }];

/** One request of a dead session: whether it was admitted, and the decision of its network afterwards. */
const request = async (limiter: Limiter, policy: RatePolicy, caller: Caller, lives: boolean) => {
  const decision = await limiter.hit(policy, caller, new Date());
  if (!decision.admitted) return 'refused';
  const ofNetwork = await decision.settle?.(lives);
  return ofNetwork && !ofNetwork.admitted ? 'refused' : 'admitted';
};

/** The same objects, whose calls are counted. */
const counted = () => {
  let calls = 0;
  const counting =
    <Stub>(stubOf: (name: string) => Stub) =>
    (name: string) => {
      calls++;
      return stubOf(name);
    };
  return {
    calls: () => calls,
    namespace: { getByName: counting((name) => namespace.getByName(name)) } as typeof namespace,
    options: { ...options, countsOf: counting(options.countsOf) },
  };
};

const storedEntries = (
  stub: DurableObjectStub<RateLimiter> | DurableObjectStub<SessionGate>,
): Promise<number> => runInDurableObject(stub, (_, state) => [...state.storage.kv.list()].length);

describe('rate limiter', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: startMs });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  // Proves ASVS 15.4.1.
  test('of 1,000 concurrent requests of one key exactly max are admitted', async () => {
    const key = newCaller();
    // One limiter per request, like one isolate per request.
    const decisions = await Promise.all(
      Array.from({ length: 1_000 }, () => createRateLimiter(namespace, options).hit(policy, key, new Date())),
    );
    expect(decisions.filter(({ admitted }) => admitted)).toHaveLength(100);
  });

  test('tells remaining hits and whole seconds until one more is admitted', async () => {
    const limiter = createRateLimiter(namespace, options);
    const key = newCaller();
    const two = { name: 'tight', max: 2, windowMs: 60_000 };
    expect(await limiter.hit(two, key, new Date())).toEqual({
      admitted: true,
      remaining: 1,
      resetSeconds: 60,
    });
    vi.setSystemTime(startMs + 18_001);
    expect(await limiter.hit(two, key, new Date())).toEqual({
      admitted: true,
      remaining: 0,
      resetSeconds: 42,
    });
    expect(await limiter.hit(two, key, new Date())).toEqual({
      admitted: false,
      remaining: 0,
      resetSeconds: 42,
      retryAfterSeconds: 42,
    });
  });

  test('keys and policies have counts of their own', async () => {
    const limiter = createRateLimiter(namespace, options);
    const one = { name: 'one', max: 1, windowMs: 60_000 };
    const [key, otherKey] = [newCaller(), newCaller()];
    await limiter.hit(one, key, new Date());
    expect((await limiter.hit(one, key, new Date())).admitted).toBe(false);
    expect((await limiter.hit(one, otherKey, new Date())).admitted).toBe(true);
    expect((await limiter.hit({ ...one, name: 'another' }, key, new Date())).admitted).toBe(true);
  });

  test('refuses a key known to be blocked without a call, and asks again when its time has come', async () => {
    const { calls, namespace: watched } = counted();
    const limiter = createRateLimiter(watched, options);
    const one = { name: 'one', max: 1, windowMs: 60_000 };
    const key = newCaller();
    await limiter.hit(one, key, new Date());
    await limiter.hit(one, key, new Date());
    expect(calls()).toBe(2);

    vi.setSystemTime(startMs + 59_999);
    const refused = await limiter.hit(one, key, new Date());
    expect(refused).toEqual({ admitted: false, remaining: 0, resetSeconds: 1, retryAfterSeconds: 1 });
    expect(calls()).toBe(2);

    vi.setSystemTime(startMs + 60_000);
    expect((await limiter.hit(one, key, new Date())).admitted).toBe(true);
    expect(calls()).toBe(3);
  });

  test('remembers ten thousand blocked keys at most and forgets the oldest first', async () => {
    const blocked = {
      hit: async ([{ name }]: [{ name: string }]) => [
        { name, admitted: false, remaining: 0, resetMs: 60_000 },
      ],
    };
    let calls = 0;
    const getByName = () => {
      calls++;
      return blocked;
    };
    const limiter = createRateLimiter({ getByName } as unknown as typeof namespace, options);
    const of = (key: number): Caller => ({ networks: [`${key}`], session: null });
    for (let key = 0; key <= 10_000; key++) await limiter.hit(policy, of(key), new Date());
    await limiter.hit(policy, of(1), new Date());
    expect(calls).toBe(10_001);
    await limiter.hit(policy, of(0), new Date());
    expect(calls).toBe(10_002);
  });

  test('rejects when the object cannot be reached', async () => {
    const getByName = () => ({ hit: () => Promise.reject(new Error('unreachable')) });
    const limiter = createRateLimiter({ getByName } as unknown as typeof namespace, options);
    await expect(limiter.hit(policy, newCaller(), new Date())).rejects.toThrow('unreachable');
  });

  test('counts survive the eviction of the object', async () => {
    const stub = newObject();
    for (let count = 0; count < 3; count++) await stub.hit(bucket(3), 60_000);
    await evictDurableObject(stub);
    expect(await stub.hit(bucket(3), 60_000)).toEqual([
      { name: 'all', admitted: false, remaining: 0, resetMs: 60_000 },
    ]);
  });

  test('a refused hit writes nothing', async () => {
    const stub = newObject();
    const writes = () =>
      runInDurableObject(stub, (instance, state) => {
        const put = vi.spyOn(state.storage, 'put').mockClear();
        instance.hit(bucket(1), 60_000);
        return put.mock.calls.length;
      });
    expect(await writes()).toBe(1);
    expect(await writes()).toBe(0);
  });

  test('fifty hits of one moment write nothing, and are kept a second later by one write', async () => {
    const stub = newObject();
    await runInDurableObject(stub, async (instance, state) => {
      const put = vi.spyOn(state.storage, 'put').mockClear();
      for (let count = 0; count < 50; count++) instance.hit(bucket(1_000_000), 60_000);
      expect(put).not.toHaveBeenCalled();
      await vi.waitFor(() => expect(put).toHaveBeenCalled(), { timeout: 3_000 });
      expect(put).toHaveBeenCalledTimes(1);
    });
    await evictDurableObject(stub);
    expect((await stub.hit(bucket(1_000_000), 60_000))[0]?.remaining).toBe(1_000_000 - 51);
  });

  test('the alarm empties the object once no hit counts, and not before', async () => {
    const stub = newObject();
    await stub.hit(bucket(2), 60_000);
    vi.setSystemTime(startMs + 30_000);
    await stub.hit(bucket(2), 60_000);

    vi.setSystemTime(startMs + 60_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await storedEntries(stub)).toBe(1);
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBe(startMs + 90_000);

    await evictDurableObject(stub);
    vi.setSystemTime(startMs + 90_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await storedEntries(stub)).toBe(0);
    expect(await runDurableObjectAlarm(stub)).toBe(false);
    expect((await stub.hit(bucket(2), 60_000))[0]?.remaining).toBe(1);
    await vi.waitFor(async () => expect(await storedEntries(stub)).toBe(1), { timeout: 3_000 });
  });
});

describe('the counts of a person', () => {
  test('outlive an eviction, also where a hit is given back first', async () => {
    const userId = crypto.randomUUID();
    const two = { name: 'two', max: 2 };
    const gate = () => gates.getByName(userId);
    const { ticket } = await gate().hit('one', two, 60_000);
    await gate().hit('one', two, 60_000);
    await evictDurableObject(gate());
    if (ticket) await gate().giveBack(ticket, 'dead', Date.now() + 60_000);
    await scheduler.wait(1_200);
    await evictDurableObject(gate());
    // A hit of before the eviction is found no more, so it goes on counting: blocked stays blocked.
    expect((await gate().hit('one', two, 60_000)).hit).toMatchObject({ admitted: false });
  });
});

describe('an IPv6 network', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: startMs }));
  afterEach(() => void vi.useRealTimers());

  const three = { name: 'three', max: 3, windowMs: 60_000 };
  const createSite = () => {
    const site = crypto.randomUUID();
    return (subnet: number, host: number): Caller => ({
      networks: [`${site}:${subnet}:${host}/64`, `${site}:${subnet}/56`, `${site}/48`],
      session: null,
    });
  };
  const admittedOf = async (limiter: Limiter, callers: readonly Caller[]) => {
    const decisions = await Promise.all(callers.map((caller) => limiter.hit(three, caller, new Date())));
    return decisions.filter(({ admitted }) => admitted).length;
  };
  const each = (count: number, caller: (index: number) => Caller) =>
    Array.from({ length: count }, (_, i) => caller(i));

  test('has one allowance as a /64, two as a /56 and four as a /48, in one call of one object', async () => {
    const { calls, namespace: watched } = counted();
    const from = createSite();
    const limiters = Array.from({ length: 8 }, () => createRateLimiter(watched, options));
    const admitted: number[] = [];
    for (const [index, limiter] of limiters.entries()) {
      admitted.push(
        await admittedOf(
          limiter,
          each(4, () => from(index >> 2, index & 3)),
        ),
      );
    }
    expect(admitted).toEqual([3, 3, 0, 0, 3, 3, 0, 0]);
    expect(
      await admittedOf(
        createRateLimiter(watched, options),
        each(4, () => from(2, 0)),
      ),
    ).toBe(0);
    expect(calls()).toBe(36);
  });

  test('that is blocked as a /64 blocks none of its neighbours, in the memory of an isolate either', async () => {
    const from = createSite();
    const limiter = createRateLimiter(namespace, options);
    expect(
      await admittedOf(
        limiter,
        each(5, () => from(0, 0)),
      ),
    ).toBe(3);
    expect(await limiter.hit(three, from(0, 1), new Date())).toEqual({
      admitted: true,
      remaining: 2,
      resetSeconds: 60,
    });
  });

  test('is told what is left of its tightest allowance, and when it has one again', async () => {
    const from = createSite();
    const limiter = createRateLimiter(namespace, options);
    await admittedOf(
      limiter,
      each(5, (host) => from(0, host)),
    );
    expect(await limiter.hit(three, from(0, 9), new Date())).toMatchObject({ admitted: true, remaining: 0 });
    vi.setSystemTime(startMs + 20_000);
    expect(await limiter.hit(three, from(0, 10), new Date())).toMatchObject({
      admitted: false,
      retryAfterSeconds: 40,
    });
  });

  test('keeps its counts across the eviction of the object', async () => {
    const from = createSite();
    await admittedOf(
      createRateLimiter(namespace, options),
      each(3, () => from(0, 0)),
    );
    await evictDurableObject(namespace.getByName(`three|network|${from(0, 0).networks[2]}`));
    const limiter = createRateLimiter(namespace, options);
    expect(
      await admittedOf(
        limiter,
        each(2, () => from(0, 0)),
      ),
    ).toBe(0);
    expect(
      await admittedOf(
        limiter,
        each(5, (host) => from(0, 1 + host)),
      ),
    ).toBe(3);
  });
});

describe('a session that has ended', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: startMs }));
  afterEach(() => void vi.useRealTimers());

  const ten = { name: 'ten', max: 10, windowMs: 60_000 };
  const times = async (count: number, work: () => Promise<string>) => {
    const results: string[] = [];
    for (let index = 0; index < count; index++) results.push(await work());
    return results.filter((result) => result === 'admitted').length;
  };

  test('takes nothing from its owner, in turn and in parallel, and empties its network', async () => {
    const owner = newSession();
    const dead = newSession(owner.session?.userId);
    const isolate = () => createRateLimiter(namespace, options);
    expect(await times(20, () => request(isolate(), ten, dead, false))).toBe(10);
    await Promise.all(Array.from({ length: 100 }, () => request(isolate(), ten, dead, false)));
    expect(await request(isolate(), ten, { ...dead, session: null }, false)).toBe('refused');
    expect(await times(11, () => request(isolate(), ten, owner, true))).toBe(10);
  });

  test('costs one call once that is known, of the network’s object', async () => {
    const { calls, namespace: watched, options } = counted();
    const limiter = createRateLimiter(watched, options);
    const dead = newSession();
    await request(limiter, ten, dead, false);
    expect(calls()).toBe(3);
    await request(limiter, ten, dead, false);
    expect(calls()).toBe(4);
  });

  test('is known to the object across eviction, until no token of it can live', async () => {
    const dead = newSession();
    const { userId = '', sessionId = '' } = dead.session ?? {};
    await request(createRateLimiter(namespace, options), ten, dead, false);
    await evictDurableObject(gates.getByName(userId));
    const ask = () => gates.getByName(userId).hit(sessionId, { name: 'ten', max: 10 }, 60_000);
    expect((await ask()).doubtedUntilMs).toBe(startMs + options.doubtMs);
    vi.setSystemTime(startMs + options.doubtMs);
    expect((await ask()).doubtedUntilMs).toBeNull();
  });

  test('counts for its person again once it has shown that it lives after all', async () => {
    const { calls, namespace: watched, options } = counted();
    const limiter = createRateLimiter(watched, options);
    const session = newSession();
    await request(limiter, ten, session, false);
    await request(limiter, ten, session, true);
    expect(calls()).toBe(5);
    await request(limiter, ten, session, true);
    expect(calls()).toBe(6);
    expect(await times(10, () => request(createRateLimiter(namespace, options), ten, session, true))).toBe(9);
  });

  test('does not keep its owner out of an isolate for longer than a second', async () => {
    const limiter = createRateLimiter(namespace, options);
    const owner = newSession();
    const dead = newSession(owner.session?.userId);
    const inFlight = await Promise.all(
      Array.from({ length: 10 }, () => createRateLimiter(namespace, options).hit(ten, dead, new Date())),
    );
    expect(await request(limiter, ten, owner, true)).toBe('refused');
    for (const decision of inFlight) if (decision.admitted) await decision.settle?.(false);
    vi.setSystemTime(startMs + 1_000);
    expect(await request(limiter, ten, owner, true)).toBe('admitted');
  });

  test('is remembered beside 199 others of its person', async () => {
    const userId = crypto.randomUUID();
    const wide = { name: 'wide', max: 1_000, windowMs: 60_000 };
    for (let index = 0; index < 201; index++) {
      await request(createRateLimiter(namespace, options), wide, newSession(userId), false);
    }
    const doubts = await runInDurableObject(
      gates.getByName(userId),
      (_, state) => [...state.storage.kv.list({ prefix: 'doubt/' })].length,
    );
    expect(doubts).toBe(200);
  });
});

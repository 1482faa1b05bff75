import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRateLimiter } from '../../src/adapters/rate-limiter.ts';
import type { RateLimiter } from '../../src/durable-objects/rate-limiter.ts';

const namespace = (env as { RATE_LIMITER: DurableObjectNamespace<RateLimiter> }).RATE_LIMITER;
const policy = { name: 'default', max: 100, windowMs: 60_000 };
// Far ahead of the runtime's own clock, so that alarms wait for the test to run them.
const startMs = Date.UTC(2100, 0, 1);

const createKey = (): string => `ip:${crypto.randomUUID()}`;

/** The same namespace, with the calls that reach it counted. */
const counted = () => {
  let calls = 0;
  const getByName = (name: string) => {
    calls++;
    return namespace.getByName(name);
  };
  return { calls: () => calls, namespace: { getByName } as typeof namespace };
};

const storedEntries = (stub: DurableObjectStub<RateLimiter>): Promise<number> =>
  runInDurableObject(stub, (_, state) => [...state.storage.kv.list()].length);

describe('rate limiter', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: startMs });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('of 1,000 concurrent requests of one key exactly max are admitted', async () => {
    const key = createKey();
    // One limiter per request: as if each came through an isolate of its own.
    const decisions = await Promise.all(
      Array.from({ length: 1_000 }, () => createRateLimiter(namespace).hit(policy, key, new Date())),
    );
    expect(decisions.filter(({ admitted }) => admitted)).toHaveLength(100);
  });

  test('tells remaining hits and whole seconds until one more is admitted', async () => {
    const limiter = createRateLimiter(namespace);
    const key = createKey();
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
    const limiter = createRateLimiter(namespace);
    const one = { name: 'one', max: 1, windowMs: 60_000 };
    const [key, otherKey] = [createKey(), createKey()];
    await limiter.hit(one, key, new Date());
    expect((await limiter.hit(one, key, new Date())).admitted).toBe(false);
    expect((await limiter.hit(one, otherKey, new Date())).admitted).toBe(true);
    expect((await limiter.hit({ ...one, name: 'another' }, key, new Date())).admitted).toBe(true);
  });

  test('refuses a key known to be blocked without a call, and asks again when its time has come', async () => {
    const { calls, namespace: watched } = counted();
    const limiter = createRateLimiter(watched);
    const one = { name: 'one', max: 1, windowMs: 60_000 };
    const key = createKey();
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
    const blocked = { hit: async () => ({ admitted: false, remaining: 0, resetMs: 60_000 }) };
    let calls = 0;
    const getByName = () => {
      calls++;
      return blocked;
    };
    const limiter = createRateLimiter({ getByName } as unknown as typeof namespace);
    for (let key = 0; key <= 10_000; key++) await limiter.hit(policy, `${key}`, new Date());
    await limiter.hit(policy, '1', new Date());
    expect(calls).toBe(10_001);
    await limiter.hit(policy, '0', new Date());
    expect(calls).toBe(10_002);
  });

  test('rejects when the object cannot be reached', async () => {
    const getByName = () => ({ hit: () => Promise.reject(new Error('unreachable')) });
    const limiter = createRateLimiter({ getByName } as unknown as typeof namespace);
    await expect(limiter.hit(policy, createKey(), new Date())).rejects.toThrow('unreachable');
  });

  test('counts survive the eviction of the object', async () => {
    const stub = namespace.getByName(createKey());
    for (let count = 0; count < 3; count++) await stub.hit({ max: 3, windowMs: 60_000 });
    await evictDurableObject(stub);
    expect(await stub.hit({ max: 3, windowMs: 60_000 })).toEqual({
      admitted: false,
      remaining: 0,
      resetMs: 60_000,
    });
  });

  test('a refused hit writes nothing', async () => {
    const stub = namespace.getByName(createKey());
    const writes = () =>
      runInDurableObject(stub, (instance, state) => {
        const put = vi.spyOn(state.storage, 'put').mockClear();
        instance.hit({ max: 1, windowMs: 60_000 });
        return put.mock.calls.length;
      });
    expect(await writes()).toBe(1);
    expect(await writes()).toBe(0);
  });

  test('a hit writes one small entry, however many the policy allows', async () => {
    const stub = namespace.getByName(createKey());
    const policy = { max: 1_000_000, windowMs: 60_000 };
    for (let count = 0; count < 50; count++) await stub.hit(policy);
    expect(await storedEntries(stub)).toBe(50);
    await runInDurableObject(stub, async (instance, state) => {
      const put = vi.spyOn(state.storage, 'put').mockClear();
      instance.hit(policy);
      expect(put.mock.calls.map(([, value]) => JSON.stringify(value).length)).toEqual([31]);
    });
  });

  test('the alarm empties the object once no hit counts, and not before', async () => {
    const stub = namespace.getByName(createKey());
    await stub.hit({ max: 2, windowMs: 60_000 });
    vi.setSystemTime(startMs + 30_000);
    await stub.hit({ max: 2, windowMs: 60_000 });

    vi.setSystemTime(startMs + 60_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await storedEntries(stub)).toBe(1);
    expect(await runInDurableObject(stub, (_, state) => state.storage.getAlarm())).toBe(startMs + 90_000);

    await evictDurableObject(stub);
    vi.setSystemTime(startMs + 90_000);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await storedEntries(stub)).toBe(0);
    expect(await runDurableObjectAlarm(stub)).toBe(false);
    expect((await stub.hit({ max: 2, windowMs: 60_000 })).remaining).toBe(1);
    expect(await storedEntries(stub)).toBe(1);
  });
});

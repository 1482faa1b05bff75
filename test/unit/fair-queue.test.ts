import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHashQueue } from '../../src/passwords/argon2/hash-queue.ts';
import { type HashCaller, hashCaller } from '../../src/passwords/rules/hash-lane.ts';
import { AppError } from '../../src/platform/errors.ts';
import { clientAddress } from '../../src/platform/http/client-address.ts';

const usualHashMs = 25;
const hashMs = usualHashMs;

type Timer = { readonly atMs: number; readonly ring: () => void };

/** An isolate: one thread, whose clock moves while a hash keeps it, and timers that ring in the order of their time. */
const createIsolate = (hashMs = usualHashMs) => {
  let nowMs = 0;
  let timers: Timer[] = [];
  let rung = 0;
  const log: { readonly who: string; readonly atMs: number }[] = [];

  const queue = createHashQueue({
    maxQueueLength: 100,
    maxWaitMs: 10_000,
    retryAfterSeconds: 3,
    monotonicMs: () => nowMs,
    nextEvent: (afterMs) =>
      new Promise<void>((ring) => {
        timers.push({ atMs: nowMs + Math.max(0.1, afterMs), ring });
      }),
  });

  /** Asks for a hash. `cancelled`: the request is never resumed again. */
  const ask = (who: string, lane: HashCaller, cancelled = false) => {
    const before = timers.length;
    const outcome = queue
      .run(async () => {
        log.push({ who, atMs: nowMs });
        nowMs += hashMs;
        return 'hashed' as const;
      }, lane)
      .catch((error: unknown) => (error as AppError).code);
    if (cancelled) timers = timers.slice(0, before);
    return outcome;
  };

  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

  /** Lets time pass, one timer after the other. */
  const run = async (untilMs: number) => {
    await settle();
    for (;;) {
      const first = timers.reduce<Timer | null>(
        (one, other) => (one === null || other.atMs < one.atMs ? other : one),
        null,
      );
      if (first === null || Math.max(nowMs, first.atMs) > untilMs) break;
      timers = timers.filter((timer) => timer !== first);
      nowMs = Math.max(nowMs, first.atMs);
      rung++;
      first.ring();
      await settle();
    }
    nowMs = Math.max(nowMs, untilMs);
  };

  return { ask, run, log, queue, now: () => nowMs, events: () => rung };
};

const login = (network: string, account = 'somebody'): HashCaller => ({ purpose: 'login', network, account });
const session = (network: string, account: string): HashCaller => ({ purpose: 'session', network, account });
const signup = (network: string, account: string): HashCaller => ({ purpose: 'signup', network, account });

const positionOf = (log: readonly { who: string }[], who: string) => log.findIndex((one) => one.who === who);

describe('the order of turns', () => {
  it('lets a login wait for one hash at most, however many requests behind sessions came before', async () => {
    const { ask, run, log } = createIsolate();
    for (let account = 0; account < 160; account++)
      void ask('attacker', session(`network ${account % 4}`, `${account}`));
    await run(5 * hashMs);
    const before = log.length;
    void ask('victim', login('home'));
    await run(20 * hashMs);
    expect(positionOf(log, 'victim')).toBeLessThanOrEqual(before + 1);
    expect(log.length).toBeGreaterThan(before + 1);
  });

  it('begins with a login, even if other requests came before it', async () => {
    const { ask, run, log } = createIsolate();
    for (const account of ['a', 'b', 'c']) void ask('other', signup('office', account));
    void ask('victim', login('home'));
    await run(1000);
    expect(log.map(({ who }) => who)).toEqual(['victim', 'other', 'other', 'other']);
  });

  it('takes turns by network, and by account within each network', async () => {
    const { ask, run, log } = createIsolate();
    for (const account of ['a', 'a', 'a', 'b', 'c']) void ask(`office ${account}`, signup('office', account));
    void ask('home', signup('home', 'd'));
    void ask('train', signup('train', 'e'));
    await run(1000);
    expect(log.map(({ who }) => who)).toEqual([
      'office a',
      'home',
      'train',
      'office b',
      'office c',
      'office a',
      'office a',
    ]);
  });

  it('serves a new network before those that were served already', async () => {
    const { ask, run, log } = createIsolate();
    for (let at = 0; at < 30; at++) void ask('attacker', login(`network ${at % 3}`, `${at}`));
    await run(7 * hashMs);
    const before = log.length;
    void ask('victim', login('home'));
    await run(10_000);
    expect(positionOf(log, 'victim')).toBe(before);
  });

  it('uses the whole thread while nobody logs in', async () => {
    const { ask, run, log } = createIsolate();
    for (let account = 0; account < 45; account++) void ask('one', session('office', `${account}`));
    await run(1000);
    expect(log.length).toBeGreaterThanOrEqual(36);
  });

  it('leaves two thirds of the thread to the other steps of logins while people log in', async () => {
    const { ask, run, log, queue } = createIsolate();
    queue.refuseIfFull(login('home'));
    for (let account = 0; account < 45; account++) void ask('one', session('office', `${account}`));
    await run(1500);
    // The first hash is measured by those that wait; then one begins every 75 ms.
    expect(log.length).toBeGreaterThanOrEqual(18);
    expect(log.length).toBeLessThanOrEqual(21);
  });

  it('leaves as much of the thread after the judgement of a password, however short it was', async () => {
    const { ask, run, log, queue } = createIsolate();
    queue.refuseIfFull(login('home'));
    for (let account = 0; account < 8; account++) void ask('one', session('office', `${account}`));
    await run(600);
    void queue.run(async () => {}, session('office', 'short'), { isHash: false });
    const before = log.length;
    for (let account = 0; account < 45; account++) void ask('one', session('office', `${account}`));
    await run(2100);
    expect(log.length - before).toBeLessThanOrEqual(21);
  });

  it('waits for the end of the rest without polling', async () => {
    const { ask, run, log, events, queue } = createIsolate();
    queue.refuseIfFull(login('home'));
    for (let account = 0; account < 20; account++) void ask('one', session('office', `${account}`));
    await run(1400);
    expect(log.length).toBeGreaterThanOrEqual(18);
    // Each looks two or three times between two hashes.
    expect(events()).toBeLessThan(20 * 20 * 2);
  });

  it('hashes one login after another without a pause', async () => {
    const { ask, run, log } = createIsolate();
    for (let account = 0; account < 30; account++) void ask('one', login('office', `${account}`));
    await run(760);
    expect(log).toHaveLength(30);
  });

  it('gives logins at least every second hash, and still serves other work', async () => {
    const { ask, run, log } = createIsolate();
    for (let at = 0; at < 20; at++) {
      void ask('login', login(`network ${at % 2}`, `${at}`));
      void ask('other', session(`network ${at}`, `${at}`));
    }
    await run(29 * hashMs);
    for (let at = 2; at <= 28; at += 2) {
      const logins = log.slice(0, at).filter(({ who }) => who === 'login').length;
      expect(logins).toBeGreaterThanOrEqual(at / 2);
      expect(at - logins).toBeGreaterThanOrEqual(Math.floor(at / 3) - 1);
    }
  });

  it('serves everybody in the end, and a network that comes alone before any second turn of the others', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ network: fc.nat(5), account: fc.nat(3), isLogin: fc.boolean() }), {
          maxLength: 40,
        }),
        async (asked) => {
          const { ask, run, log } = createIsolate();
          const outcomes = asked.map(({ network, account, isLogin }, at) =>
            ask(`${at}`, (isLogin ? login : signup)(`network ${network}`, `${account}`)),
          );
          void ask('victim', login('home'));
          await run(10_000);
          const networksBefore = log
            .slice(0, positionOf(log, 'victim'))
            .map(({ who }) => asked[Number(who)])
            .filter((one) => one?.isLogin)
            .map((one) => one?.network);
          expect(new Set(networksBefore).size).toBe(networksBefore.length);
          const served = (await Promise.all(outcomes)).filter((outcome) => outcome === 'hashed').length;
          expect(log).toHaveLength(served + 1);
          expect(served).toBe(asked.length);
        },
      ),
      { numRuns: 50 },
    ));
});

describe('a place in the queue', () => {
  it('is given to no more than can be served in half the life of a request, at the pace of the last hash', async () => {
    const isolate = createIsolate(200);
    isolate.queue.refuseIfFull(login('home'));
    void isolate.ask('first', signup('home', 'x'));
    await isolate.run(1000);
    // 5 s are left, and each takes 600 ms with its rest.
    for (let at = 0; at < 50; at++) void isolate.ask('sign-up', signup(`network ${at}`, `${at}`));
    await isolate.run(10_000);
    expect(isolate.log).toHaveLength(1 + 8);
  });

  const flood = (isolate: ReturnType<typeof createIsolate>, lanes: readonly HashCaller[]) =>
    lanes.map((lane) => isolate.ask('attacker', lane));

  it('is refused at once, in the event of the request', async () => {
    const isolate = createIsolate();
    flood(
      isolate,
      Array.from({ length: 200 }, (_, at) => login('office', `${at}`)),
    );
    const refused = isolate.ask('one more', login('office', 'one more'));
    expect(await refused).toBe('overloaded');
    expect(isolate.now()).toBe(0);
    expect(isolate.log).toEqual([]);
    expect(() => isolate.queue.refuseIfFull(login('office', 'one more'))).toThrow(AppError);
  });

  it.each([
    [1, signup],
    [4, signup],
    [18, signup],
    [1, login],
    [4, login],
    [24, login],
  ])('is left for others when %i networks ask for very many', (networks, lane) => {
    const isolate = createIsolate();
    flood(
      isolate,
      Array.from({ length: 1000 }, (_, at) => lane(`network ${at % networks}`, `${at}`)),
    );
    for (const victim of [login('home'), signup('home', 'x')])
      expect(() => isolate.queue.refuseIfFull(victim)).not.toThrow();
  });

  it('is reserved for logins in a quarter of the queue, whatever fills the rest', () => {
    const isolate = createIsolate();
    flood(
      isolate,
      Array.from({ length: 1000 }, (_, at) => signup(`network ${at}`, `${at}`)),
    );
    expect(() => isolate.queue.refuseIfFull(signup('home', 'x'))).toThrow(AppError);
    for (let at = 0; at < 25; at++) {
      isolate.queue.refuseIfFull(login(`home ${at}`));
      void isolate.ask('login', login(`home ${at}`));
    }
    expect(() => isolate.queue.refuseIfFull(login('another home'))).toThrow(AppError);
  });

  it('goes to at most four requests of one account behind its sessions, counted per network', async () => {
    const isolate = createIsolate();
    flood(
      isolate,
      Array.from({ length: 10 }, () => session('thief', 'ada')),
    );
    expect(() => isolate.queue.refuseIfFull(session('thief', 'ada'))).toThrow(AppError);
    expect(() => isolate.queue.refuseIfFull(session('thief', 'grace'))).not.toThrow();
    expect(() => isolate.queue.refuseIfFull(session('home', 'ada'))).not.toThrow();
    await isolate.run(10_000);
    expect(isolate.log).toHaveLength(4);
  });

  it('is given back where no hash has used it', () => {
    const { queue } = createIsolate();
    for (let turn = 0; turn < 20; turn++) queue.refuseIfFull(session('home', 'ada'))();
    const kept = Array.from({ length: 4 }, () => queue.refuseIfFull(session('home', 'ada')));
    expect(() => queue.refuseIfFull(session('home', 'ada'))).toThrow(AppError);
    kept[0]?.();
    expect(() => queue.refuseIfFull(session('home', 'ada'))).not.toThrow();
  });

  it('is kept for a request that was let in and has steps before its hash, so that a burst is refused at once', async () => {
    const isolate = createIsolate();
    const lanes = Array.from({ length: 160 }, (_, at) => session('site', `${at}`));
    const through = lanes.filter((lane) => {
      try {
        isolate.queue.refuseIfFull(lane);
        return true;
      } catch {
        return false;
      }
    });
    expect(through).toHaveLength(50);
    await isolate.run(200);
    const outcomes = through.map((lane) => isolate.ask('attacker', lane));
    expect(() => isolate.queue.refuseIfFull(session('home', 'ada'))).not.toThrow();
    await isolate.run(10_000);
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['hashed']));
    // What never came to its hash is not waited for.
    for (const lane of lanes.slice(0, 50)) isolate.queue.refuseIfFull(lane);
    expect(() => isolate.queue.refuseIfFull(session('site', 'x'))).toThrow(AppError);
    await isolate.run(12_100);
    expect(() => isolate.queue.refuseIfFull(session('site', 'x'))).not.toThrow();
  });

  it('is passed over when its request was cancelled, and given back within a second', async () => {
    const isolate = createIsolate();
    for (let at = 0; at < 200; at++) void isolate.ask('cancelled', login('office', `${at}`), true);
    void isolate.ask('victim', login('home'));
    await isolate.run(50);
    expect(isolate.log.map(({ who }) => who)).toEqual(['victim']);
    await isolate.run(1100);
    expect(() => isolate.queue.refuseIfFull(login('office', 'x'))).not.toThrow();
    void isolate.ask('colleague', login('office', 'x'));
    await isolate.run(1200);
    expect(isolate.log.map(({ who }) => who)).toEqual(['victim', 'colleague']);
  });

  it('is given up when the signal of the request fires', async () => {
    const isolate = createIsolate();
    const ending = new AbortController();
    const outcome = isolate.ask('one', { ...login('home'), signal: ending.signal });
    ending.abort();
    await isolate.run(100);
    expect(await outcome).toBe('timeout');
    expect(isolate.log).toEqual([]);
  });
});

describe('the unit that shares a turn', () => {
  it('is a /48, however many /64s of it are used, and an IPv4 address', () => {
    const { signal } = new AbortController();
    const laneOf = (ip: string) =>
      hashCaller({ ...clientAddress(new Headers({ 'CF-Connecting-IP': ip })), signal }, 'login', 'ada');
    const lane = { purpose: 'login', account: 'ada', signal };
    expect(laneOf('2001:db8:5:1::1')).toEqual({ ...lane, network: '2001:db8:5::/48' });
    expect(laneOf('2001:db8:5:ffff::1')).toEqual({ ...lane, network: '2001:db8:5::/48' });
    expect(laneOf('2001:db8:6:1::1')).toEqual({ ...lane, network: '2001:db8:6::/48' });
    expect(laneOf('192.0.2.1')).toEqual({ ...lane, network: '192.0.2.1' });
    expect(laneOf('')).toEqual({ ...lane, network: 'unknown' });
  });
});

import { describe, expect, it } from 'vitest';
import { createHashQueue, type HashQueueOptions } from '../../src/passwords/argon2/hash-queue.ts';
import type { HashLane } from '../../src/passwords/rules/hash-lane.ts';
import { AppError } from '../../src/platform/errors.ts';

const nextEvent = () => scheduler.wait(0);

/** What a request that was cancelled waits for: it is never resumed. */
const never = () => new Promise<void>(() => {});

const somebody: HashLane = { purpose: 'login', network: '192.0.2.1', account: 'ada' };

const createQueue = (options: Partial<HashQueueOptions> = {}) => {
  const queue = createHashQueue({
    maxQueueLength: 3,
    maxWaitMs: 1000,
    retryAfterSeconds: 7,
    monotonicMs: () => 0,
    nextEvent,
    ...options,
  });
  return <T>(work: () => Promise<T>) => queue.run(work, somebody);
};

const answer = async () => 'answer';

const overloaded = expect.objectContaining({ code: 'overloaded', status: 503, retryAfterSeconds: 7 });

describe('the hash queue', () => {
  it('returns the result of the work, and throws its errors', async () => {
    const enqueue = createQueue();
    expect(await enqueue(answer)).toBe('answer');
    await expect(enqueue(() => Promise.reject(new Error('no memory')))).rejects.toThrow('no memory');
  });

  // Proves ASVS 15.4.4.
  it('serves in the order of arrival', async () => {
    const enqueue = createQueue();
    const served: number[] = [];
    await Promise.all([1, 2, 3].map((place) => enqueue(async () => served.push(place))));
    expect(served).toEqual([1, 2, 3]);
  });

  // Proves ASVS 2.4.1; ASVS 15.2.2.
  it('refuses a call without a place at once, before it serves any waiting call', async () => {
    const enqueue = createQueue();
    const served: string[] = [];
    const waiting = ['first', 'second', 'third'].map((name) => enqueue(async () => served.push(name)));
    const error = await enqueue(answer).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toEqual(overloaded);
    expect(served).toEqual([]);
    await Promise.all(waiting);
    expect(served).toHaveLength(3);
  });

  it('accepts calls again once others have been served or have failed', async () => {
    const enqueue = createQueue();
    const failing = [1, 2, 3].map(() => enqueue(() => Promise.reject(new Error('no memory'))));
    await Promise.allSettled(failing);
    expect(await Promise.all([enqueue(answer), enqueue(answer), enqueue(answer)])).toHaveLength(3);
  });

  it('lets another event of the isolate pass between two pieces of work', async () => {
    const enqueue = createQueue();
    const log: string[] = [];
    const work = async () => log.push('work');
    const other = async () => {
      for (let round = 0; round < 4; round++) {
        await nextEvent();
        log.push('other');
      }
    };
    await Promise.all([enqueue(work), enqueue(work), enqueue(work), other()]);
    expect(log.join(' ')).not.toContain('work work');
  });

  it('refuses a call that has waited for longer than its request lives', async () => {
    let nowMs = 0;
    const enqueue = createQueue({ monotonicMs: () => nowMs });
    const call = enqueue(answer);
    nowMs = 1001;
    await expect(call).rejects.toEqual(overloaded);
  });

  it('gives back the places of cancelled requests when they are too old', async () => {
    let nowMs = 0;
    let pause = never;
    const enqueue = createQueue({ monotonicMs: () => nowMs, nextEvent: () => pause() });
    for (const _ of [1, 2, 3]) void enqueue(answer);
    pause = nextEvent;
    nowMs = 1000;
    await expect(enqueue(answer)).rejects.toEqual(overloaded);
    nowMs = 1001;
    expect(await enqueue(answer)).toBe('answer');
  });

  it('does not wait for a cancelled request that stands in front', async () => {
    let pause = never;
    const enqueue = createQueue({ nextEvent: () => pause() });
    void enqueue(answer);
    pause = nextEvent;
    expect(await enqueue(answer)).toBe('answer');
  });
});

import { AppError } from '../../platform/errors.ts';
import { createFairQueue, type Place } from '../rules/fair-queue.ts';
import type { HashCaller, HashLane } from '../rules/hash-lane.ts';

export type HashQueueOptions = {
  /** How many calls may wait; the next is refused at once. */
  readonly maxQueueLength: number;
  /** A call that has waited longer is refused: its request has timed out. */
  readonly maxWaitMs: number;
  readonly retryAfterSeconds: number;
  readonly monotonicMs: () => number;
  readonly onQueued?: (waiting: number) => void;
  /** Waits for a later event of the same request, so that other requests get theirs in between. */
  readonly nextEvent: (afterMs: number) => Promise<void>;
};

/**
 * A bounded and fair queue in front of work that keeps the isolate busy. A request that is cancelled while it waits
 * never resumes, not even for its `finally`; the queue frees its place once it notices.
 */
export const createHashQueue = (options: HashQueueOptions) => {
  const { maxQueueLength, maxWaitMs, retryAfterSeconds, monotonicMs, onQueued, nextEvent } = options;
  const queue = createFairQueue({ capacity: maxQueueLength, longestWaitMs: maxWaitMs / 2 });
  const overloaded = () => new AppError('overloaded', { retryAfterSeconds });

  const untilItsTurn = async (place: Place, signal: AbortSignal | undefined): Promise<void> => {
    let nowMs = place.sinceMs;
    do {
      await nextEvent(queue.restMs(place, nowMs));
      nowMs = monotonicMs();
      const isTooLate = nowMs - place.sinceMs > maxWaitMs;
      // Nobody waits for the answer any more, and a hash now would keep the others waiting.
      if (!isTooLate && !signal?.aborted) continue;
      queue.leave(place);
      throw isTooLate ? overloaded() : new AppError('timeout');
    } while (!queue.isItsTurn(place, nowMs));
  };

  return {
    /** @throws AppError `overloaded` where a call would be refused, before anything is done for it */
    refuseIfFull: (lane: HashLane): (() => void) => {
      const giveBack = queue.keepRoomFor(lane, monotonicMs());
      if (giveBack !== null) return giveBack;
      onQueued?.(queue.length());
      throw overloaded();
    },

    run: async <T>(
      work: () => Promise<T>,
      { signal, ...lane }: HashCaller,
      { isHash }: { isHash: boolean } = { isHash: true },
    ): Promise<T> => {
      const place = queue.enter(lane, monotonicMs(), isHash);
      onQueued?.(place === null ? queue.length() : queue.length() - 1);
      if (place === null) throw overloaded();
      await untilItsTurn(place, signal);
      try {
        return await work();
      } finally {
        queue.measure(monotonicMs());
      }
    },
  };
};

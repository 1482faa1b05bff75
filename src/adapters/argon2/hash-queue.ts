import { AppError } from '../../errors.ts';

export type HashQueueOptions = {
  /** How many calls may wait; the next is refused at once. */
  readonly maxQueueLength: number;
  /** A call that has waited longer is refused: its request has timed out. */
  readonly maxWaitMs: number;
  readonly retryAfterSeconds: number;
  readonly monotonicMs: () => number;
  readonly onQueued?: (waiting: number) => void;
  /** Waits for a later event of the same request, so that other requests get theirs in between. */
  readonly nextEvent: () => Promise<void>;
};

/**
 * A bounded queue in front of work that keeps the isolate busy. A request that is cancelled while it waits
 * is never resumed, not even for its `finally`; its place is given back by age, or 503 would be for ever.
 */
export const createHashQueue = (options: HashQueueOptions) => {
  const { maxQueueLength, maxWaitMs, retryAfterSeconds, monotonicMs, onQueued, nextEvent } = options;
  const waiting = new Set<{ readonly sinceMs: number }>();
  let served = 0;

  const forgetExpired = (nowMs: number): void => {
    for (const place of waiting) {
      if (nowMs - place.sinceMs <= maxWaitMs) return;
      waiting.delete(place);
    }
  };

  // Between two pieces of work the event loop gets a turn: answers go out, and new requests are read.
  const untilNoneWasServedMeanwhile = async (signal: AbortSignal | undefined): Promise<void> => {
    let servedBefore: number;
    do {
      servedBefore = served;
      await nextEvent();
    } while (served !== servedBefore && !signal?.aborted);
  };

  return async <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const place = { sinceMs: monotonicMs() };
    forgetExpired(place.sinceMs);
    onQueued?.(waiting.size);
    if (waiting.size >= maxQueueLength) throw new AppError('overloaded', { retryAfterSeconds });

    waiting.add(place);
    await untilNoneWasServedMeanwhile(signal);
    forgetExpired(monotonicMs());
    if (!waiting.delete(place)) throw new AppError('overloaded', { retryAfterSeconds });
    // Nobody waits for the answer any more; what is hashed now would keep the others waiting.
    if (signal?.aborted) throw new AppError('timeout');
    served += 1;
    return work();
  };
};

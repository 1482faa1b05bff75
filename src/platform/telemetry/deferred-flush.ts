type Options = {
  readonly name: string;
  readonly flush: () => Promise<void>;
  readonly everyMs: number;
  readonly wait: (ms: number) => Promise<void>;
  readonly monotonicMs: () => number;
};

type Defer = (name: string, work: Promise<unknown>) => void;

/** A flush that takes longer than this has gone down with its request. */
const graceMs = 10_000;

/**
 * Lets one request in every `everyMs` flush for all, after its response (the platform lets it go on for 30 seconds).
 * So the last request of a burst has no word that waits for the next one.
 */
export const createDeferredFlush = ({ name, flush, everyMs, wait, monotonicMs }: Options) => {
  let underWayUntilMs = Number.NEGATIVE_INFINITY;

  return (defer: Defer): void => {
    const nowMs = monotonicMs();
    if (nowMs < underWayUntilMs) return;
    underWayUntilMs = nowMs + everyMs + graceMs;
    const flushed = wait(everyMs)
      .then(() => {
        // What comes from here on may miss this flush and begins another one.
        underWayUntilMs = Number.NEGATIVE_INFINITY;
      })
      .then(flush);
    defer(name, flushed);
  };
};

import { vi } from 'vitest';

/** A clock that goes on by a millisecond each time it is read, as it may on a busy machine, until the work is done. */
export const whileTicking = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const Calm = Date;
  let ticks = 0;
  class TickingDate extends Calm {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) super(TickingDate.now());
      else super(given[0]);
    }
    static override now(): number {
      return Calm.now() + ++ticks;
    }
  }
  vi.stubGlobal('Date', TickingDate);
  try {
    return await work();
  } finally {
    vi.unstubAllGlobals();
  }
};

import { AppError } from './errors.ts';

/** What a thread does in a few milliseconds, unpacking included. */
const sliceBytes = 1_048_576;

// Of the isolate: of all that is looked into at once, one slice is done between two turns of the event loop.
let slices = 0;

/**
 * Lets other requests have the thread after so many bytes of work, which no clock can measure: it stands still meanwhile.
 * Each caller decides for itself when to go on, as one that was cancelled is never resumed.
 * @throws AppError `timeout` once nobody waits for the work any more
 */
export const createGiveWay = (
  signal: AbortSignal,
  nextEvent: () => Promise<void> = () => new Promise((resolve) => void setTimeout(resolve, 0)),
) => {
  let done = 0;
  return async (bytes: number): Promise<void> => {
    done += bytes;
    if (done < sliceBytes) return;
    done = 0;
    let before: number;
    do {
      before = slices;
      await nextEvent();
      if (signal.aborted) throw new AppError('timeout');
    } while (slices !== before);
    slices += 1;
  };
};

export type GiveWay = ReturnType<typeof createGiveWay>;

import { stopRequest } from './stop-request.ts';

/** npm passes Ctrl-C on to a program that has had it from the terminal already. */
const sameRequestMs = 1_000;

/**
 * Aborts when this process is asked to stop, so that it can take away what it has made. Asked once more, it ends at
 * once, and tells what is left.
 */
export const interruption = (whatIsLeft: () => string): AbortSignal => {
  const asked = new AbortController();
  const giveUp = () => {
    console.error(`✗ stopped at once; left: ${whatIsLeft()}`);
    process.exit(1);
  };
  void stopRequest().then(() => {
    asked.abort();
    setTimeout(() => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, giveUp);
    }, sameRequestMs).unref();
  });
  return asked.signal;
};

/** A mistake that the person at the terminal can correct: shown as one sentence, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** Runs a program once its module has been read. An error goes to standard error, and the exit code is 1. */
export const runProgram = (main: () => Promise<void>): void => {
  passByProxies();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
  Promise.resolve()
    .then(main)
    .then(() => {
      // An open message channel would keep the process alive.
      if (process.connected) process.disconnect();
    })
    .catch((error: unknown) => {
      console.error(error instanceof CliError ? error.message : error);
      process.exit(1);
    });
};

/** The names of this machine. A list of such names has `[::1]` for some readers and `::1` for others. */
const loopbackNames = ['localhost', '127.0.0.1', '::1', '[::1]'];

/** A proxy cannot reach this machine: the parts of a stack talk past it, and so do the programs that they start. */
const passByProxies = (): void => {
  const { no_proxy: small, NO_PROXY: large } = process.env;
  const names = [small || large || '', ...loopbackNames].filter(Boolean).join(',');
  if (small !== '*' && large !== '*') Object.assign(process.env, { no_proxy: names, NO_PROXY: names });
};

/** A reader such as `head` may leave early. The program still ends in order, because a deployment must not stop halfway. */
const ignoreClosedPipe = (error: NodeJS.ErrnoException): void => {
  // EIO: the terminal has been closed.
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
};

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves when a signal asks this process to stop, or when the process that forked it is gone. */
export const stopRequest = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of stopSignals) process.on(signal, () => resolve());
    process.once('disconnect', () => resolve());
  });

/** npm passes Ctrl-C on to a program that has already received it from the terminal. */
const sameRequestMs = 1_000;

/**
 * Aborts when this process is asked to stop, so that it can remove the things that it has made. A second request ends
 * it at once, and `whatIsLeft` is printed.
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
      for (const signal of stopSignals) process.once(signal, giveUp);
    }, sameRequestMs).unref();
  });
  return asked.signal;
};

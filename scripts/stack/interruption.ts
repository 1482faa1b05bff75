const sameKeyMs = 1_000;

/** Aborted by the first signal, so that there is time to roll back; a later one ends this process at once. */
export const interruption = (hint: string): AbortSignal => {
  const controller = new AbortController();
  let firstAt = 0;
  const hear = () => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort();
      return;
    }
    // npm passes on a Ctrl-C that the terminal has given to every process already.
    if (performance.now() - firstAt < sameKeyMs) return;
    console.error(`Ended at once. ${hint}`);
    process.exit(1);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, hear);
  return controller.signal;
};

/**
 * Resolves when this process is asked to stop: by a signal, or because the process that started it with
 * a message channel is gone, however it went.
 */
export const stopRequest = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    process.once('disconnect', () => resolve());
  });

/** Something that the person at the terminal can set right: shown as one sentence, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** Runs a program once its module has been read; what goes wrong is told on stderr, and the status is 1. */
export const runProgram = (main: () => Promise<void>): void => {
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

/** Something that the person at the terminal can set right: shown as one sentence, without a stack. */
export class Sentence extends Error {
  override readonly name = 'Sentence';
}

/** Runs a program; what goes wrong is told on stderr and ends it with status 1. */
export const runProgram = (main: () => Promise<void>): void => {
  main().catch((error: unknown) => {
    console.error(error instanceof Sentence ? error.message : error);
    process.exit(1);
  });
};

/** Lets one caller at a time through, in the order of arrival. */
export type Turn = {
  /** Resolves once it is the caller's turn; the function it gives ends the turn and may be called twice. */
  readonly take: () => Promise<() => void>;
};

export const createTurn = (): Turn => {
  let last: Promise<void> = Promise.resolve();
  return {
    take: () => {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      return before.then(() => resolve);
    },
  };
};

/** Where time and randomness come from; the container has the machine's. */
export type Sources = {
  readonly clock: () => Date;
  readonly newId: (now: Date) => string;
  readonly newRequestId: () => string;
};

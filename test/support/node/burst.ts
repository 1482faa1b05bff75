/** What one login of a burst was answered, and how long that took. */
export type BurstAnswer = {
  readonly status: number;
  readonly code: string | null;
  readonly retryAfter: string | null;
  readonly ms: number;
};

export type Burst = {
  readonly admitted: readonly BurstAnswer[];
  readonly refused: readonly BurstAnswer[];
};

const isRefusal = ({ status, code }: BurstAnswer) => status === 503 && code === 'overloaded';

export const sortBurst = (answers: readonly BurstAnswer[]): Burst => ({
  admitted: answers.filter(({ status }) => status === 200),
  refused: answers.filter(isRefusal),
});

/** How many were let in after the last refusal: a refused login waits for none of them. */
const admittedAfterRefusals = ({ admitted, refused }: Burst): number => {
  const lastRefusalMs = Math.max(...refused.map(({ ms }) => ms));
  return admitted.filter(({ ms }) => ms > lastRefusalMs).length;
};

/** What is wrong with the answers to a burst of good logins that is larger than the queue; empty where nothing is wrong. */
export const burstFaults = (answers: readonly BurstAnswer[], queueLength: number): string[] => {
  const burst = sortBurst(answers);
  const { admitted, refused } = burst;
  const others = answers.filter((answer) => answer.status !== 200 && !isRefusal(answer));
  const silent = refused.filter(({ retryAfter }) => !/^[1-9]\d*$/.test(retryAfter ?? ''));
  const waiting = admittedAfterRefusals(burst);
  return [
    ...new Set(
      others.map(({ status, code }) => `${[status, code].filter(Boolean).join(' ')} among the answers`),
    ),
    ...(refused.length === 0 ? ['no login was refused'] : []),
    ...(admitted.length < queueLength
      ? [`${admitted.length} were let in, and not the ${queueLength} of the queue`]
      : []),
    ...(silent.length > 0 ? [`${silent.length} were refused without Retry-After`] : []),
    ...(refused.length > 0 && waiting < queueLength / 2
      ? [`refusals waited until ${waiting} logins were left`]
      : []),
  ];
};

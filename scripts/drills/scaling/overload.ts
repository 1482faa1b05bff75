import { logIn, type Person } from '../accounts.ts';
import type { Counting } from '../samples.ts';
import { expectSoon, expectStatus, fail, pass } from '../steps.ts';
import { type BurstAnswer, burstFaults, sortBurst } from './burst.ts';

/** Hashes that wait at most, as the runbook says. */
const queueLength = 100;
const loginsPerPerson = 4;

const logInTimed = async ({ home, email }: Person): Promise<BurstAnswer> => {
  const startedAt = performance.now();
  const { status, code, headers } = await logIn(home, email);
  return { status, code, retryAfter: headers.get('Retry-After'), ms: performance.now() - startedAt };
};

const samples = {
  asked: 'itsor_password_hash_queue_length_count',
  below50: 'itsor_password_hash_queue_length_bucket{le="50"}',
  overloaded: 'itsor_problems_total{code="overloaded"}',
  succeeded: 'itsor_login_attempts_total{outcome="succeeded"}',
  failed: 'itsor_login_attempts_total{outcome="failed"}',
} as const;

/** More logins at once than hashes may wait, each with the right password and few of a network. */
export const overload = async (people: readonly Person[], counting: Counting): Promise<void> => {
  const count = await counting();
  const logins = people.flatMap((person) => Array.from({ length: loginsPerPerson }, () => person));
  const answers = await Promise.all(logins.map(logInTimed));
  const { admitted, refused } = sortBurst(answers);
  const [fault] = burstFaults(answers, queueLength);
  const step = `${logins.length} logins at once`;
  if (fault !== undefined) throw fail(step, fault);
  pass(
    `${step}: ${admitted.length} are let in, ${refused.length} are 503 overloaded at once, none is anything else`,
  );

  // Whoever was refused was not counted as a wrong password.
  const [unlucky] = logins.filter((_, at) => refused.some((answer) => answer === answers[at]));
  if (unlucky)
    expectStatus(
      'the burst is over: who was refused is let in',
      await logIn(unlucky.home, unlucky.email),
      200,
    );

  const known = { overloaded: refused.length, succeeded: admitted.length + 1, failed: 0 };
  await expectSoon(
    `/metrics: ${refused.length} overloaded, ${logins.length + 1} hashes asked for, most behind more than 50`,
    { ...known, asked: logins.length + 1, isLong: true },
    async () => {
      const { below50, ...counted } = await count(samples);
      return { ...counted, isLong: counted.asked - below50 >= refused.length + queueLength / 4 };
    },
  );
};

import { it } from 'vitest';
import { type Answer, expectStatus, fail, pass, type Send } from '../../scripts/drills/client.ts';
import { type BurstAnswer, burstFaults, sortBurst } from '../support/node/burst.ts';
import {
  clientFrom,
  expectSoon,
  limitMs,
  logIn,
  type Person,
  runDrill,
  signUp,
  startCounting,
  tokensOf,
} from '../support/node/drill.ts';

/** Hashes that wait at most, as the runbook says. */
const queueLength = 100;
const loginsPerPerson = 4;
/** RATE_LIMIT_MAX as it is by default, and more than that. */
const max = 100;
const burst = 150;

const variables = {
  // No mail's round trips are among those that are counted.
  EMAIL_VERIFICATION: 'off',
  // On a slow machine a hundred hashes take longer than the ten seconds of production.
  REQUEST_TIMEOUT_MS: '60000',
};

// docs/runbooks/scaling.md; also npm run drill:scaling.
it('logins beyond the queue and requests beyond the limit are refused at once, and other users notice nothing', {
  timeout: limitMs,
}, async () => {
  await runDrill(variables, async ({ url, scraper }) => {
    const names = Array.from({ length: 40 }, (_, at) => `user${at + 1}`);
    const people = await signUp(url, names);
    const [first, second, third] = people as [Person, Person, Person, ...Person[]];
    await countCosts(first, scraper);
    await overload(people, scraper);
    await exceedLimits(url, [second, third], scraper);
  });
});

/** What one login and one request cost, and that each part of it is measured. */
const countCosts = async ({ home, email }: Person, scraper: Send) => {
  const samples = {
    roundTrips: 'itsor_database_round_trips_total{outcome="ok"}',
    timed: 'itsor_database_duration_seconds_count',
    hashes: 'itsor_password_hash_duration_seconds_count',
  } as const;
  const ofLogin = await startCounting(scraper);
  const { access } = tokensOf(expectStatus('one login', await logIn(home, email), 200));
  const login = { roundTrips: 2, timed: 2, hashes: 1 };
  await expectSoon('/metrics: two round trips to the database and one hash', login, () => ofLogin(samples));
  const ofRequest = await startCounting(scraper);
  expectStatus('one request', await home('GET', '/auth/me', { bearer: access }), 200);
  const request = { roundTrips: 1, timed: 1, hashes: 0 };
  await expectSoon('/metrics: one round trip, and no hash', request, () => ofRequest(samples));
};

const logInTimed = async ({ home, email }: Person): Promise<BurstAnswer> => {
  const startedAt = performance.now();
  const { status, code, headers } = await logIn(home, email);
  return { status, code, retryAfter: headers.get('Retry-After'), ms: performance.now() - startedAt };
};

/** More logins at once than hashes may wait, each with the right password and few of a network. */
const overload = async (people: readonly Person[], scraper: Send) => {
  const count = await startCounting(scraper);
  const logins = people.flatMap((person) => Array.from({ length: loginsPerPerson }, () => person));
  const answers = await Promise.all(logins.map(logInTimed));
  const { admitted, refused } = sortBurst(answers);
  const [fault] = burstFaults(answers, queueLength);
  const step = `${logins.length} logins at once`;
  if (fault !== undefined) throw fail(step, fault);
  pass(
    `${step}: ${admitted.length} are let in, ${refused.length} are 503 overloaded at once, and none gets another answer`,
  );

  // A login that was refused was not counted as a wrong password.
  const unlucky = logins.find((_, at) => refused.some((answer) => answer === answers[at])) as Person;
  const again = await logIn(unlucky.home, unlucky.email);
  expectStatus('after the burst a login that was refused is let in', again, 200);

  const asked = logins.length + 1;
  await expectSoon(
    `/metrics: ${refused.length} overloaded, ${asked} hashes asked for, most behind more than 50`,
    { overloaded: refused.length, succeeded: admitted.length + 1, failed: 0, asked, isLong: true },
    async () => {
      const { below50, ...counted } = await count({
        asked: 'itsor_password_hash_queue_length_count',
        below50: 'itsor_password_hash_queue_length_bucket{le="50"}',
        overloaded: 'itsor_problems_total{code="overloaded"}',
        succeeded: 'itsor_login_attempts_total{outcome="succeeded"}',
        failed: 'itsor_login_attempts_total{outcome="failed"}',
      });
      return { ...counted, isLong: counted.asked - below50 >= refused.length + queueLength / 4 };
    },
  );
};

const isRefusal = ({ status, code, headers }: Answer): boolean =>
  status === 429 && code === 'rate_limited' && /^[1-9]\d*$/.test(headers.get('Retry-After') ?? '');

const burstOf = async (step: string, status: number, ask: () => Promise<Answer>) => {
  const answers = await Promise.all(Array.from({ length: burst }, ask));
  const passed = answers.filter((answer) => answer.status === status).length;
  const refused = answers.filter(isRefusal).length;
  const wanted = [max, burst - max];
  if (passed !== wanted[0] || refused !== wanted[1])
    throw fail(
      step,
      `${passed} passed and ${refused} were 429 with Retry-After, and not ${wanted.join(' and ')}`,
    );
  pass(`${step}: ${passed} pass and ${refused} are 429 with Retry-After`);
};

/** A network and a user that ask for more than they may, and those beside them. */
const exceedLimits = async (url: string, [ada, grace]: readonly [Person, Person], scraper: Send) => {
  const count = await startCounting(scraper);
  const office = clientFrom(url, '203.0.113.1');
  const elsewhere = clientFrom(url, '203.0.113.2');
  const me = (send: Send, bearer?: string) => send('GET', '/auth/me', bearer === undefined ? {} : { bearer });
  await burstOf(`${burst} requests from one network, RATE_LIMIT_MAX is ${max}`, 401, () => me(office));
  expectStatus('another network is not touched', await me(elsewhere), '401 unauthenticated');

  const asAda = tokensOf(await logIn(ada.home, ada.email)).access;
  const asGrace = tokensOf(await logIn(grace.home, grace.email)).access;
  expectStatus('a logged-in user of that network is not touched', await me(office, asGrace), 200);
  await burstOf(`${burst} requests of one user`, 200, () => me(ada.home, asAda));
  expectStatus('that user is refused in another network too', await me(elsewhere, asAda), '429 rate_limited');
  expectStatus('another user in the same network is not', await me(ada.home, asGrace), 200);

  const refused = 2 * (burst - max) + 1;
  await expectSoon(
    `/metrics: ${refused} decisions were to refuse, and every decision was made`,
    { admitted: 2 * max + 3, refused, problems: refused, unreachable: 0 },
    () =>
      count({
        admitted: 'itsor_rate_limit_decisions_total{policy="default",decision="admitted"}',
        refused: 'itsor_rate_limit_decisions_total{policy="default",decision="refused"}',
        problems: 'itsor_problems_total{code="rate_limited"}',
        unreachable: 'itsor_rate_limit_decisions_total{policy="default",decision="unreachable"}',
      }),
  );
};

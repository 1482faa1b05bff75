import { logIn, type Person, tokensOf } from '../accounts.ts';
import { type Answer, clientFrom, type Send } from '../client.ts';
import type { Counting } from '../samples.ts';
import { expectSoon, expectStatus, fail, pass } from '../steps.ts';

/** RATE_LIMIT_MAX as it is by default. */
const max = 100;
const burst = 150;

const burstOf = async (step: string, send: Send, status: number, bearer?: string): Promise<void> => {
  const ask = () => send('GET', '/auth/me', bearer === undefined ? {} : { bearer });
  const answers = await Promise.all(Array.from({ length: burst }, ask));
  const passed = answers.filter((answer) => answer.status === status).length;
  const refused = answers.filter(isRefusal).length;
  if (passed !== max || refused !== burst - max)
    throw fail(
      step,
      `${passed} passed and ${refused} were 429 with Retry-After, and not ${max} and ${burst - max}`,
    );
  pass(`${step}: ${passed} pass, ${refused} are 429 with Retry-After`);
};

const isRefusal = ({ status, code, headers }: Answer): boolean =>
  status === 429 && code === 'rate_limited' && /^[1-9]\d*$/.test(headers.get('Retry-After') ?? '');

/** A network and a user that ask for more than they may, and those beside them. */
export const exceedLimits = async (url: string, [ada, grace]: readonly Person[], counting: Counting) => {
  if (!ada || !grace) throw fail('accounts', 'there are too few');
  const count = await counting();
  const office = clientFrom(url, '203.0.113.1');
  const elsewhere = clientFrom(url, '203.0.113.2');
  await burstOf(`${burst} requests from one network, RATE_LIMIT_MAX is ${max}`, office, 401);
  expectStatus('another network is not touched', await elsewhere('GET', '/auth/me'), '401 unauthenticated');

  const [first, second] = [
    tokensOf(await logIn(ada.home, ada.email)),
    tokensOf(await logIn(grace.home, grace.email)),
  ];
  const asGrace = { bearer: second.access };
  expectStatus('nor who is logged in, in that network', await office('GET', '/auth/me', asGrace), 200);
  await burstOf(`${burst} requests of one user`, ada.home, 200, first.access);
  const moved = await elsewhere('GET', '/auth/me', { bearer: first.access });
  expectStatus('the user is refused in another network too', moved, '429 rate_limited');
  expectStatus('another user in that network is not', await ada.home('GET', '/auth/me', asGrace), 200);

  const refused = 2 * (burst - max) + 1;
  await expectSoon(
    `/metrics: ${refused} decisions were to refuse, none could not be made`,
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

/** What one login and one request cost, and that each part of it is measured. */
export const countCosts = async ({ home, email }: Person, counting: Counting): Promise<void> => {
  const samples = {
    roundTrips: 'itsor_database_round_trips_total{outcome="ok"}',
    timed: 'itsor_database_duration_seconds_count',
    hashes: 'itsor_password_hash_duration_seconds_count',
  } as const;
  const beforeLogin = await counting();
  const { access } = tokensOf(expectStatus('one login', await logIn(home, email), 200));
  const ofLogin = { roundTrips: 2, timed: 2, hashes: 1 };
  await expectSoon('/metrics: two round trips to the database and a hash', ofLogin, () =>
    beforeLogin(samples),
  );
  const beforeRequest = await counting();
  expectStatus('one request', await home('GET', '/auth/me', { bearer: access }), 200);
  const ofRequest = { roundTrips: 1, timed: 1, hashes: 0 };
  await expectSoon('/metrics: one round trip, and no hash', ofRequest, () => beforeRequest(samples));
};

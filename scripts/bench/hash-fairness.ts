import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { median, type Pair, reportPairs } from './ratios.ts';
import { type BenchStack, withStack } from './stack.ts';

const usage = `npm run bench:fairness
  How long a login takes while others have passwords hashed behind their sessions, beside how long it takes without them,
  in one run. Under the limits of a new service, and without limits, so that the queue alone is left: an attacker with
  more networks meets no limit.`;

const goal = [0, 2] as const;
const rounds = 2;
const loginsPerPhase = 6;
const parallelSignUps = 8;
/** Between two requests of one attacker, so that the cost of hashes is measured, not that of requests. */
const pauseMs = 3000;
const password = 'correct horse battery staple';

type Answer = { readonly status: number; readonly ms: number; readonly text: string };
type Attacker = { readonly address: string; readonly bearer: string };

/** How many accounts, from how many /64s of one /56. */
const attacks = [
  { name: '55 accounts of one network', accounts: 55, networks: 1 },
  { name: '160 accounts of four /64s of a /56', accounts: 160, networks: 4 },
] as const;
const limits = [
  { name: 'limits by default', variables: {} },
  { name: 'no limits', variables: { RATE_LIMIT_MAX: '1000000' } },
] as const;

const send = async (
  url: string,
  path: string,
  body: object,
  { address, bearer }: { readonly address: string; readonly bearer?: string },
): Promise<Answer> => {
  const init = {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'CF-Connecting-IP': address,
      ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body),
  };
  const ask = async (): Promise<Answer> => {
    const startMs = performance.now();
    const response = await fetch(`${url}${path}`, init);
    const text = await response.text();
    return { status: response.status, ms: performance.now() - startMs, text };
  };
  // workerd may close a connection that was idle just as it is used again.
  return ask().catch(ask);
};

let lastAddress = 0;
/** Each time of another network. */
const newAddress = (): string => `198.18.${++lastAddress >> 8}.${lastAddress & 255}`;

const signUp = async (url: string, email: string): Promise<string> => {
  const answer = await send(url, '/auth/signup', { email, password }, { address: newAddress() });
  if (answer.status !== 201) throw new Error(`sign-up: ${answer.status} ${answer.text}`);
  return (JSON.parse(answer.text) as { access_token: string }).access_token;
};

/** The right password, and a new one that is refused after it was compared: a hash each time, and never a lock. */
const attackOnce = (url: string, attacker: Attacker): Promise<Answer> =>
  send(url, '/auth/password', { current_password: password, new_password: password }, attacker);

/** Every account asks again and again, until the end. @returns their answers */
const attack = async (
  url: string,
  attackers: readonly Attacker[],
  signal: AbortSignal,
): Promise<Answer[]> => {
  const answers: Answer[] = [];
  const insist = async (attacker: Attacker) => {
    await sleep(Math.random() * pauseMs);
    while (!signal.aborted) {
      // A connection that is refused or reset costs the service nothing.
      await attackOnce(url, attacker).then(
        (answer) => answers.push(answer),
        () => {},
      );
      await sleep(pauseMs);
    }
  };
  await Promise.all(attackers.map(insist));
  return answers;
};

const logInOften = async (url: string, email: string): Promise<number[]> => {
  const times: number[] = [];
  for (let turn = 0; turn < loginsPerPhase; turn++) {
    const answer = await send(url, '/auth/token', { email, password }, { address: newAddress() });
    times.push(answer.status === 200 ? answer.ms : Number.POSITIVE_INFINITY);
    await sleep(20);
  }
  return times;
};

const count = (answers: readonly Answer[]): string => {
  const statuses = Map.groupBy(answers, ({ status }) => status);
  return [...statuses].map(([status, { length }]) => `${length} × ${status}`).join(', ');
};

const measure = async (name: string, url: string, attackers: readonly Attacker[]): Promise<void> => {
  const pairs: Pair[] = [];
  const answers: Answer[] = [];
  await logInOften(url, victim);
  for (let round = 0; round < rounds; round++) {
    const quiet = await logInOften(url, victim);
    const ending = new AbortController();
    const attacking = attack(url, attackers, ending.signal);
    await sleep(pauseMs);
    const loud = await logInOften(url, victim);
    ending.abort();
    answers.push(...(await attacking));
    pairs.push(...loud.map((ms, at): Pair => [ms, quiet[at] ?? Number.NaN]));
  }
  reportPairs(`${name}: a login with the attack / without`, pairs, { unit: 'ms', goal });
  const refused = answers.filter(({ status }) => status === 503).map(({ ms }) => ms);
  console.log(`   the attackers got ${count(answers)}`);
  if (refused.length > 0) console.log(`   a 503 took ${median(refused).toFixed(0)} ms (median)`);
};

const emailOf = (at: number) => `attacker-${at}@example.com`;
const victim = 'victim@example.com';

/** @returns the attackers' tokens, which every Worker of the run accepts */
const signUpAll = async (url: string): Promise<string[]> => {
  const bearers: string[] = [];
  const count = Math.max(...attacks.map(({ accounts }) => accounts));
  for (let at = 0; at < count; at += parallelSignUps) {
    const few = Array.from({ length: parallelSignUps }, (_, index) => signUp(url, emailOf(at + index)));
    bearers.push(...(await Promise.all(few)));
  }
  await signUp(url, victim);
  return bearers;
};

const run = async ({ startBareWorker }: BenchStack): Promise<void> => {
  const variables = { LOG_LEVEL: 'error', EMAIL_VERIFICATION: 'off', BACKEND_ENV: 'development' };
  const workers = await Promise.all(
    limits.map(({ variables: given }) => startBareWorker({ ...variables, ...given })),
  );
  const bearers = await signUpAll(workers[1]?.url ?? '');
  for (const [which, { name }] of limits.entries()) {
    for (const [at, { name: attackName, accounts, networks }] of attacks.entries()) {
      // A /48 for each attack, so that one does not use up the limits of the next.
      const attackers = bearers.slice(0, accounts).map((bearer, index) => ({
        bearer,
        address: `2001:db8:${at + 1}:${index % networks}::1`,
      }));
      await measure(`${attackName}, ${name}`, workers[which]?.url ?? '', attackers);
    }
  }
};

runProgram(async () => {
  readOptions({}, usage);
  await withStack(run, { limitMs: 300_000, inMemory: true });
});

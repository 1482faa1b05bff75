import { neon, neonConfig } from '@neondatabase/serverless';
import { localRoles } from '../stack/database-urls.ts';
import { runProgram } from '../stack/sentence.ts';
import { type BenchStack, withoutLimits, withStack } from './stack.ts';
import { median, type Pair, ratioInterval, ratioOfMedians } from './statistics.ts';

// npm run bench:timing: can a stopwatch tell a known account from an unknown one (OWASP ASVS 5.0, 6.3.8)?

const pairCount = 400;
/** Sent before each measurement, unmeasured: they wake up the objects that count attempts. */
const warmUpCount = 20;
/** No pair begins later than this after the start, and each contrast has its share; a slow machine measures fewer. */
const lastPairMs = 105_000;
const goal: Pair = [0.95, 1.05];

const password = 'correct horse battery staple';
const wrongPassword = 'incorrect horse battery staple';

type Send = (turn: number) => { readonly path: string; readonly body: object };

/** Two requests that must look alike to a stopwatch. */
type Contrast = {
  readonly name: string;
  readonly status: number;
  readonly one: Send;
  readonly other: Send;
};

const kinds = ['known', 'passwordless', 'unknown'] as const;
type Kind = (typeof kinds)[number];

/** Several of each kind, in turn: what is remembered of one identifier stays small. All are of one length. */
const accountsPerKind = 10;
const emailOf = (kind: Kind, turn: number) => `${kind.padEnd(12, '-')}-${turn % accountsPerKind}@example.com`;

const login =
  (kind: Kind): Send =>
  (turn) => ({ path: '/auth/token', body: { email: emailOf(kind, turn), password: wrongPassword } });

const contrasts: readonly Contrast[] = [
  {
    name: 'login: wrong password / no such account',
    status: 401,
    one: login('known'),
    other: login('unknown'),
  },
  {
    name: 'login: no password / no such account',
    status: 401,
    one: login('passwordless'),
    other: login('unknown'),
  },
];

const post = (url: string, body: object, address: string) =>
  fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address },
    body: JSON.stringify(body),
  });

const prepareAccounts = async (url: string, endpointUrl: string): Promise<void> => {
  for (const kind of ['known', 'passwordless'] as const) {
    for (let turn = 0; turn < accountsPerKind; turn++) {
      const response = await post(
        `${url}/auth/signup`,
        { email: emailOf(kind, turn), password },
        '192.0.2.1',
      );
      if (response.status !== 201) throw new Error(`sign-up: ${response.status} ${await response.text()}`);
      await response.body?.cancel();
    }
  }
  neonConfig.fetchEndpoint = () => endpointUrl;
  const sql = neon(`postgres://${localRoles.app.user}:unchecked@embedded.localhost/itsor`);
  await sql`update users set password_hash = null where email like 'passwordless%'`;
};

const measure = async (
  url: string,
  { status, one, other }: Contrast,
  deadlineMs: number,
): Promise<Pair[]> => {
  const time = async (send: Send, turn: number): Promise<number> => {
    const { path, body } = send(turn);
    const startMs = performance.now();
    const response = await post(`${url}${path}`, body, `198.51.100.${turn % warmUpCount}`);
    const text = await response.text();
    const endMs = performance.now();
    if (response.status !== status) throw new Error(`${path}: ${response.status} ${text}`);
    return endMs - startMs;
  };

  const pairs: Pair[] = [];
  for (let turn = 0; turn < warmUpCount + pairCount && performance.now() < deadlineMs; turn++) {
    // The order is drawn for each pair, so that neither kind always comes after the other.
    const isSwapped = Math.random() < 0.5;
    const first = await time(isSwapped ? other : one, turn);
    const second = await time(isSwapped ? one : other, turn);
    if (turn >= warmUpCount) pairs.push(isSwapped ? [second, first] : [first, second]);
  }
  return pairs;
};

const report = (name: string, pairs: readonly Pair[]): void => {
  const ratio = ratioOfMedians(pairs);
  const [low, high] = ratioInterval(pairs);
  const [one, other] = [0, 1].map((at) => median(pairs.map((pair) => pair[at] ?? 0)).toFixed(2));
  const verdict = ratio >= goal[0] && ratio <= goal[1] ? 'reached' : 'missed';
  console.log(name);
  console.log(`   ${pairs.length} pairs, medians ${one} ms / ${other} ms`);
  console.log(
    `   ratio ${ratio.toFixed(3)}, 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)} (goal ${goal.join(' to ')}, ${verdict})`,
  );
};

const run = async ({ startWorker, endpointUrl }: BenchStack): Promise<void> => {
  const { url } = await startWorker(withoutLimits);
  await prepareAccounts(url, endpointUrl);
  for (const [index, contrast] of contrasts.entries()) {
    const leftMs = lastPairMs - performance.now();
    const pairs = await measure(url, contrast, performance.now() + leftMs / (contrasts.length - index));
    report(contrast.name, pairs);
  }
};

runProgram(() => withStack(run));

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { withoutLimits, withStack } from '../../scripts/bench/stack.ts';
import { createClient, type Request } from '../../scripts/drills/client.ts';
import { CliError } from '../../scripts/program/cli.ts';
import type { Variables } from '../../scripts/program/project.ts';
import { algorithmOption } from '../../scripts/secrets/algorithm.ts';
import { planRotation, type Step } from '../../scripts/secrets/rotation.ts';
import type { Algorithm } from '../../src/platform/config/jwt.ts';
import { limitMs } from '../support/node/drill.ts';

// docs/runbooks/secret-rotation.md. npm run drill:rotation says which way and to which algorithm; the test suite tries
// all of them.
const { DRILL_ROTATION: way = 'all', DRILL_ALGORITHM: drilled } = process.env;
const isDrill = way !== 'all';
const algorithm = drilled ? algorithmOption(drilled) : undefined;
const inSteps = ['announce', 'switch', 'retire'];

it.skipIf(way === 'in one step' || (isDrill && algorithm !== undefined))(
  'clients notice nothing of a rotation in steps',
  { timeout: limitMs },
  () => rotate(inSteps),
);

it.skipIf(way === 'in one step' || (isDrill && algorithm === undefined))(
  'clients notice nothing when access tokens get another algorithm, nor when they get the former one back',
  { timeout: 2 * limitMs },
  () => rotate(inSteps, [algorithm ?? 'ES256', 'HS256']),
);

it.skipIf(way === 'in steps')('clients notice a rotation in one step', { timeout: limitMs }, async () => {
  const rotation = rotate(['switch'], algorithm ? [algorithm] : []);
  // A person who runs the drill wants to see it fail.
  await (isDrill ? rotation : expect(rotation).rejects.toThrow(/[1-9]\d* requests failed/));
});

const mixedMs = 4_000;
const before: Variables = {
  JWT_SECRET: 'h2Vt9Kq4Wm7Zx1Cb6Nr3Lp8Js5Gd0FyQ',
  SECRET_KEY: 'Rk4Tn8Wp2Ys6Xc1Vb7Mq3Lh9Jg5Fd0SaZ',
};

/** At a service of which old and new isolates answer side by side, as Cloudflare's do while a change spreads. */
const rotate = async (
  names: readonly string[],
  [algorithm, ...later]: readonly Algorithm[] = [],
): Promise<void> => {
  let isDone = false;
  await withStack(
    async ({ startWorker }) => {
      let secretsNow = before;
      let current = await startWorker({ ...withoutLimits, ...before });
      const clients = await startClients([current.url], 6);

      const take = async ({ name, secrets }: Step) => {
        const changes = Object.entries(secrets).map(([key, value]) => [key, value ?? '']);
        secretsNow = { ...secretsNow, ...Object.fromEntries(changes) };
        const next = await startWorker({ ...withoutLimits, ...secretsNow });
        clients.useOnly([current.url, next.url]);
        await sleep(mixedMs);
        clients.useOnly([next.url]);
        // Requests that are under way at the old one end first.
        await sleep(1_000);
        await current.process.stop();
        current = next;
        console.log(`${name.padEnd(8)} ${clients.report()}`);
      };
      for (const to of [algorithm, ...later]) {
        if (to) console.log(`access tokens under ${to}:`);
        const steps = planRotation(['JWT_SECRET', 'SECRET_KEY'], secretsNow, to);
        for (const step of steps.filter(({ name }) => names.includes(name))) await take(step);
      }
      const { requests, failures, logins, refreshes } = await clients.stop();
      const count = `${requests} requests, ${logins} logins and ${refreshes} refreshes among them`;
      console.log(`${count}: ${failures.length} failed`);
      for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`);
      expect(requests).toBeGreaterThanOrEqual(10);
      if (failures.length > 0) throw new CliError(`✗ ${failures.length} requests failed.`);
      isDone = true;
    },
    { limitMs: (1 + later.length) * limitMs },
  );
  if (!isDone) throw new CliError('✗ The drill was stopped before its end.');
};

type Tokens = { readonly access_token: string; readonly refresh_token: string };

const password = 'correct horse battery staple';
/** After so many refreshes a client logs out and in again. */
const refreshesPerLogin = 5;

/** Clients that log in, refresh and call /auth/me without a pause, each request at any of the services in use. */
const startClients = async (urls: readonly string[], count: number) => {
  let inUse = urls;
  let isStopping = false;
  const seen = { requests: 0, logins: 0, refreshes: 0, failures: [] as string[] };

  const send = async (method: string, path: string, request: Request) => {
    const url = inUse[randomInt(inUse.length)] ?? '';
    const { status, code, body } = await createClient(url)(method, path, request);
    seen.requests++;
    if (status < 300) return body as Tokens;
    seen.failures.push(`${method} ${path}: ${status} ${code}`);
    return null;
  };

  const use = async (email: string): Promise<void> => {
    seen.logins++;
    let tokens = await send('POST', '/auth/token', { json: { email, password, scope: 'offline_access' } });
    for (let turn = 0; tokens && turn < refreshesPerLogin && !isStopping; turn++) {
      await send('GET', '/auth/me', { bearer: tokens.access_token });
      await send('GET', '/auth/sessions', { bearer: tokens.access_token });
      seen.refreshes++;
      tokens = await send('POST', '/auth/refresh', { json: { refresh_token: tokens.refresh_token } });
    }
  };

  const live = async (email: string): Promise<void> => {
    while (!isStopping) await use(email).catch((error: Error) => seen.failures.push(error.message));
  };

  const emails = Array.from({ length: count }, (_, at) => `client-${at}-${Date.now()}@example.com`);
  for (const email of emails) await send('POST', '/auth/signup', { json: { email, password } });
  const living = emails.map(live);

  return {
    useOnly: (others: readonly string[]): void => {
      inUse = others;
    },
    report: () => `${seen.requests} requests, ${seen.failures.length} failed`,
    stop: async () => {
      isStopping = true;
      await Promise.all(living);
      return seen;
    },
  };
};

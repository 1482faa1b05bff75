import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchWorker, withoutLimits, withStack } from '../bench/stack.ts';
import { planRotation, type Secrets, type Step } from '../secrets/rotation.ts';
import { readOptions } from '../stack/arguments.ts';
import { CliError, runProgram } from '../stack/cli-error.ts';
import { startClients } from './clients.ts';

const usage = `npm run drill:rotation [-- --in-one-step]
  Rotates JWT_SECRET and SECRET_KEY under clients that log in, refresh and call /auth/me all the time, at a service of
  which old and new isolates answer side by side, as Cloudflare's do while a change spreads. In one step, requests fail:
  that is what the steps are for.`;

const mixedMs = 4_000;
const before = {
  JWT_SECRET: 'h2Vt9Kq4Wm7Zx1Cb6Nr3Lp8Js5Gd0FyQ',
  SECRET_KEY: 'Rk4Tn8Wp2Ys6Xc1Vb7Mq3Lh9Jg5Fd0SaZ',
} as const;

const withSecrets = (variables: Readonly<Record<string, string>>, secrets: Secrets) => ({
  ...variables,
  ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, value ?? ''])),
});

runProgram(async () => {
  const { 'in-one-step': isOneStep } = readOptions(
    { 'in-one-step': { type: 'boolean', default: false } },
    usage,
  );
  const plan = planRotation(['JWT_SECRET', 'SECRET_KEY'], before);
  // What a hasty person does: the new value at once, and the old one kept to verify.
  const steps: readonly Step[] = isOneStep ? plan.filter(({ name }) => name === 'switch') : plan;
  await withStack(async ({ startWorker }) => {
    let variables: Readonly<Record<string, string>> = { ...withoutLimits, ...before };
    let current = await startWorker(variables);
    const clients = await startClients([current.url], 6);

    for (const { name, secrets } of steps) {
      variables = withSecrets(variables, secrets);
      const next: BenchWorker = await startWorker(variables);
      clients.useOnly([current.url, next.url]);
      await sleep(mixedMs);
      clients.useOnly([next.url]);
      // Requests that are under way at the old one end first.
      await sleep(1_000);
      await current.process.stop();
      current = next;
      console.log(`${name.padEnd(8)} ${clients.report()}`);
    }
    const { requests, failures, logins, refreshes } = await clients.stop();
    console.log(
      `${requests} requests, ${logins} logins and ${refreshes} refreshes among them: ${failures.length} failed`,
    );
    for (const failure of failures.slice(0, 5)) console.log(`  ${failure}`);
    if (failures.length > 0) throw new CliError('The rotation was felt.');
  });
});

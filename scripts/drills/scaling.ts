import { signUp } from './accounts.ts';
import { createClient } from './client.ts';
import { runDrill, withUsage } from './drill.ts';
import { createCounting } from './samples.ts';
import { countCosts, exceedLimits } from './scaling/limits.ts';
import { overload } from './scaling/overload.ts';
import { fail } from './steps.ts';

const usage = `npm run drill:scaling [-- --with NAME=VALUE]
  Sends more logins at once than passwords can be hashed, and more requests than a network and a user may, to a service
  of its own: what each is answered, who else is touched, and what docs/runbooks/scaling.md reads from /metrics.
  ${withUsage}`;

const token = 'a-token-for-the-scraper';
const patienceMs = 90_000;

const variables = {
  LOG_LEVEL: 'error',
  ENABLE_METRICS: '1',
  METRICS_TOKEN: token,
  // No mail's round trips are among those that are counted.
  EMAIL_VERIFICATION: 'off',
  // On a slow machine a hundred hashes take longer than the ten seconds of production.
  REQUEST_TIMEOUT_MS: '60000',
};

runDrill(
  { usage, variables, proves: '✓ What was too much was refused at once, and nobody else noticed.' },
  async (url) => {
    const names = Array.from({ length: 40 }, (_, at) => `user${at + 1}`);
    const people = await signUp(url, names, patienceMs);
    const counting = createCounting(createClient(url, { timeoutMs: patienceMs }), token);
    const [first, ...others] = people;
    if (!first) throw fail('accounts', 'there are too few');
    await countCosts(first, counting);
    await overload(people, counting);
    await exceedLimits(url, others, counting);
  },
);

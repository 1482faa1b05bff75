import { appoint, logIn, signUp } from './accounts.ts';
import { createClient } from './client.ts';
import { runDrill, withUsage } from './drill.ts';
import { guessFromEverywhere, guessFromOneNetwork } from './incident/guessing.ts';
import { resetByMail } from './incident/mail-reset.ts';
import { newPassword, takeBack } from './incident/takeover.ts';
import { reuseRefreshToken } from './incident/theft.ts';
import { createCounting } from './samples.ts';
import { expectStatus, fail } from './steps.ts';

const usage = `npm run drill:auth-incident [-- --with NAME=VALUE]
  Guesses passwords at a service of its own, takes an account and a refresh token, and goes through
  docs/runbooks/auth-incident.md: what /metrics and the audit trail say of it, and who is let in after each step.
  ${withUsage}`;

const token = 'a-token-for-the-scraper';
const victimCount = 20;

const variables = {
  LOG_LEVEL: 'error',
  ENABLE_METRICS: '1',
  METRICS_TOKEN: token,
  // Eighty logins a minute and network would be refused before the guard is asked: that is the drill of scaling.
  RATE_LIMIT_MAX: '1000',
};

runDrill(
  { usage, variables, proves: '✓ Whoever guessed was locked out, and what was taken is back.' },
  async (url, { dataDirectory }) => {
    const names = Array.from({ length: victimCount }, (_, at) => `user${at + 1}`);
    const people = await signUp(url, ['ops', 'ada', 'grace', 'alan', ...names]);
    const [ops, ada, grace, alan, ...victims] = people;
    if (!ops || !ada || !grace || !alan) throw fail('accounts', 'there are too few');
    const administer = await appoint(dataDirectory, ops);
    const scraper = createClient(url);
    expectStatus('/metrics is for who has METRICS_TOKEN', await scraper('GET', '/metrics'), 401);

    const counting = createCounting(scraper, token);
    await guessFromOneNetwork({ url, administer, counting }, victims);
    await guessFromEverywhere({ url, administer }, alan);
    await resetByMail(alan, newPassword);
    expectStatus('and is let in', await logIn(alan.home, alan.email, newPassword), 200);
    await takeBack(url, administer, grace);
    await reuseRefreshToken({ url, administer, counting }, ada);
  },
);

import { setTimeout as sleep } from 'node:timers/promises';
import { it } from 'vitest';
import { expectStatus, fail, pass, type Send } from '../../scripts/drills/client.ts';
import {
  type Administrator,
  appoint,
  clientFrom,
  expectSoon,
  limitMs,
  logIn,
  type Person,
  password,
  readAudit,
  refresh,
  runDrill,
  signUp,
  startCounting,
  tokensOf,
} from '../support/node/drill.ts';

const attackerAddress = '203.0.113.66';
const thiefAddress = '203.0.113.7';
const newPassword = 'plum tractor violin moss';
/** Failures that lock a pair of account and network; ten and twenty times as many lock an account and a network. */
const pairMax = 5;

// docs/runbooks/auth-incident.md, step by step; also npm run drill:auth-incident.
it('a network that guesses passwords is locked out, and a taken account and a stolen token come back', {
  timeout: limitMs,
}, async () => {
  // Eighty logins a minute from one network would be refused before the guard is asked: the scaling drill shows that.
  await runDrill({ RATE_LIMIT_MAX: '1000' }, async ({ url, dataDirectory, scraper }) => {
    const names = Array.from({ length: 20 }, (_, at) => `user${at + 1}`);
    const people = await signUp(url, ['ops', 'ada', 'grace', 'alan', ...names]);
    const [ops, ada, grace, alan, ...victims] = people as [Person, Person, Person, Person, ...Person[]];
    const administer = await appoint(dataDirectory, ops);
    expectStatus('/metrics refuses a request without METRICS_TOKEN', await scraper('GET', '/metrics'), 401);

    const scene = { url, administer, scraper };
    await guessFromOneNetwork(scene, victims);
    await guessFromEverywhere(scene, alan);
    await resetByMail(alan);
    expectStatus('the owner is let in with it', await logIn(alan.home, alan.email, newPassword), 200);
    await takeBack(scene, grace);
    await reuseRefreshToken(scene, ada);
  });
});

type Scene = { readonly url: string; readonly administer: Administrator; readonly scraper: Send };

const guess = (send: Send, email: string) => logIn(send, email, `no idea of a password ${email}`);

const guessTimes = async (send: Send, email: string): Promise<void> => {
  for (let turn = 1; turn <= pairMax; turn++) {
    const { status, code } = await guess(send, email);
    if (status !== 401) throw fail(`guess ${turn} at ${email}`, `${status} ${code}, and not 401`);
  }
};

/** Twenty accounts from one network: each pair is locked, then the network, and no owner is. Steps 1 and 2. */
const guessFromOneNetwork = async ({ url, administer, scraper }: Scene, victims: readonly Person[]) => {
  const count = await startCounting(scraper);
  const attacker = clientFrom(url, attackerAddress);
  const [first, ...others] = victims as [Person, ...Person[]];
  const last = others.pop() as Person;
  await guessTimes(attacker, first.email);
  pass(`one network guesses the password of ${first.email}: ${pairMax} times 401`);
  const locked = await logIn(attacker, first.email);
  expectStatus('from that network even the right password is refused', locked, '429 login_locked');
  if (!(Number(locked.headers.get('Retry-After')) > 0)) throw fail('with Retry-After', 'there is none');
  expectStatus('the owner is let in from another network', await logIn(first.home, first.email), 200);

  for (const { email } of others) await guessTimes(attacker, email);
  expectStatus('that network may still log in to another account', await logIn(attacker, last.email), 200);
  await guessTimes(attacker, last.email);
  const failed = victims.length * pairMax;
  pass(`it guesses at ${victims.length} accounts in all: ${failed} times 401`);
  const stranger = await guess(attacker, 'nobody-yet@example.com');
  expectStatus('then the network is locked for every account', stranger, '429 login_locked');
  expectStatus('an owner in another network is still let in', await logIn(last.home, last.email), 200);

  await expectSoon(
    `/metrics: ${failed} failed, 2 locked, 3 let in`,
    { failed, succeeded: 3, admitted: failed + 3, locked: 2, invalid_credentials: failed, login_locked: 2 },
    () =>
      count({
        failed: 'itsor_login_attempts_total{outcome="failed"}',
        succeeded: 'itsor_login_attempts_total{outcome="succeeded"}',
        admitted: 'itsor_login_guard_decisions_total{decision="admitted"}',
        locked: 'itsor_login_guard_decisions_total{decision="locked"}',
        invalid_credentials: 'itsor_problems_total{code="invalid_credentials"}',
        login_locked: 'itsor_problems_total{code="login_locked"}',
      }),
  );
  await expectSoon(
    `the audit trail: ${failed} failed from ${attackerAddress}, one lock per account, the last of the network`,
    { failed, accounts: victims.length, by: { pair: victims.length - 1, address: 1 }, elsewhere: 0 },
    async () => {
      const failures = await readAudit(administer, 'type=login.failed&limit=100');
      const locks = await readAudit(administer, 'type=login.locked&limit=100');
      const isFromThere = ({ ip }: { ip: string | null }) => ip === attackerAddress;
      const by = (what: string) => locks.filter(({ details }) => details.by === what).length;
      return {
        failed: failures.filter(isFromThere).length,
        accounts: new Set(locks.map(({ subject_id }) => subject_id)).size,
        by: { pair: by('pair'), address: by('address') },
        elsewhere: [...failures, ...locks].filter((event) => !isFromThere(event)).length,
      };
    },
  );
};

/** Ten networks at one account: it is locked for every network that it does not know. */
const guessFromEverywhere = async ({ url, administer }: Scene, { email }: Person) => {
  const networks = Array.from({ length: 10 }, (_, at) => `192.0.2.${at + 1}`);
  for (const network of networks) await guessTimes(clientFrom(url, network), email);
  expectStatus(
    `${networks.length} networks guess at ${email}: unknown networks are locked out`,
    await logIn(clientFrom(url, '203.0.113.1'), email),
    '429 login_locked',
  );
  await expectSoon('the audit trail says that the account is locked', { account: 1 }, async () => {
    const locks = await readAudit(administer, 'type=login.locked&limit=100');
    return { account: locks.filter(({ details }) => details.by === 'identifier').length };
  });
};

/** Only the owner of a mailbox can do this: ask for a reset, and follow the link in the mail. */
const resetByMail = async ({ email, home }: Person) => {
  const asked = await home('POST', '/auth/password/forgot', { json: { email } });
  expectStatus('the owner asks for a reset', asked, 202);
  const json = { token: await waitForToken({ email, home }), password: newPassword };
  const reset = await home('POST', '/auth/password/reset', { json });
  expectStatus('the owner sets a new password by the link in the mail', reset, 204);
};

const waitForToken = async ({ email, home }: Person): Promise<string> => {
  const mostMs = 20_000;
  const deadlineMs = performance.now() + mostMs;
  while (performance.now() < deadlineMs) {
    const { body } = await home('GET', '/dev/mailbox', { headers: { Accept: 'application/json' } });
    const mails = (body.items as { to: string; text: string }[]).filter(({ to }) => to === email);
    const [, token] = mails.map(({ text }) => /\/reset-password\?token=(\S+)/.exec(text)).find(Boolean) ?? [];
    if (token !== undefined) return token;
    await sleep(200);
  }
  throw fail('the mail with the link comes', `not within ${mostMs / 1000} seconds`);
};

const me = (send: Send, bearer: string) => send('GET', '/auth/me', { bearer });

/** An account whose password a thief knows goes back to its owner. Step 3. */
const takeBack = async ({ url, administer }: Scene, owner: Person) => {
  const { email, home } = owner;
  const thief = clientFrom(url, thiefAddress);
  const stolen = tokensOf(expectStatus(`a thief logs in as ${email}`, await logIn(thief, email), 200));
  expectStatus('the stolen session works', await me(thief, stolen.access), 200);
  const found = expectStatus(
    'an administrator finds the account',
    await administer('GET', `/users?q=${email}`),
    200,
  );
  const [user] = found.body.items as { id: string }[];

  const taken = await administer('PATCH', `/users/${user?.id}`, { password: null });
  expectStatus('the administrator takes its password away', taken, 200);
  expectStatus('the stolen session has ended', await me(thief, stolen.access), '401 session_revoked');
  expectStatus('its refresh token is refused', await refresh(thief, stolen), '401 session_revoked');
  expectStatus('the password is refused', await logIn(thief, email), '401 invalid_credentials');
  await expectSoon('the audit trail has the login and the change', { opened: 1, changed: 1 }, async () => {
    const events = await readAudit(administer, `user_id=${user?.id}`);
    const of = (type: string) => events.filter((event) => event.type === type);
    const byThief = of('session.opened').filter(({ ip }) => ip === thiefAddress);
    return { opened: byThief.length, changed: of('account.changed').length };
  });

  await resetByMail(owner);
  expectStatus('the stolen session stays ended', await me(thief, stolen.access), '401 session_revoked');
  expectStatus(
    'the old password stays refused',
    await logIn(thief, email, password),
    '401 invalid_credentials',
  );
  const back = expectStatus(
    'the owner logs in with the new password',
    await logIn(home, email, newPassword),
    200,
  );
  expectStatus('the new session works', await me(home, tokensOf(back).access), 200);
};

/** A thief presents a copied refresh token after its owner has refreshed. */
const reuseRefreshToken = async ({ url, administer, scraper }: Scene, { email, home }: Person) => {
  const count = await startCounting(scraper);
  const thief = clientFrom(url, thiefAddress);
  const copied = tokensOf(
    expectStatus(`${email} logs in, and a thief copies the tokens`, await logIn(home, email), 200),
  );
  const next = tokensOf(expectStatus('the owner refreshes', await refresh(home, copied), 200));
  // The token before the last one is forgiven for some seconds, for tabs that race; one further back never is.
  const last = tokensOf(expectStatus('the owner refreshes again', await refresh(home, next), 200));
  expectStatus(
    'the thief presents the copied token and is refused',
    await refresh(thief, copied),
    '401 refresh_token_reused',
  );
  expectStatus('the session has ended for both of them', await me(home, last.access), '401 session_revoked');
  expectStatus('its newest refresh token is refused', await refresh(home, last), '401 session_revoked');
  await expectSoon('/metrics: one reuse, and one problem of that code', { reused: 1, problems: 1 }, () =>
    count({
      reused: 'itsor_refreshes_total{outcome="reused"}',
      problems: 'itsor_problems_total{code="refresh_token_reused"}',
    }),
  );
  await expectSoon('the audit trail says where the thief was', { from: [thiefAddress] }, async () => {
    const events = await readAudit(administer, 'type=session.refresh_reused');
    return { from: events.map(({ ip }) => ip) };
  });
  expectStatus('the owner logs in again', await logIn(home, email), 200);
};

import { type Administrator, logIn, type Person, readAudit } from '../accounts.ts';
import { clientFrom, type Send } from '../client.ts';
import type { Counting } from '../samples.ts';
import { expectSoon, expectStatus, fail, pass } from '../steps.ts';

export type Scene = {
  readonly url: string;
  readonly administer: Administrator;
  readonly counting: Counting;
};

const attackerAddress = '203.0.113.66';
/** Failures that lock a pair of account and network; ten and twenty times as many lock an account and a network. */
const pairMax = 5;

const guess = (send: Send, email: string) => logIn(send, email, `no idea of a password ${email}`);

const guessTimes = async (send: Send, email: string, times: number): Promise<void> => {
  for (let turn = 0; turn < times; turn++) {
    const { status, code } = await guess(send, email);
    if (status !== 401) throw fail(`guess ${turn + 1} at ${email}`, `${status} ${code}, and not 401`);
  }
};

const samples = {
  failed: 'itsor_login_attempts_total{outcome="failed"}',
  succeeded: 'itsor_login_attempts_total{outcome="succeeded"}',
  admitted: 'itsor_login_guard_decisions_total{decision="admitted"}',
  locked: 'itsor_login_guard_decisions_total{decision="locked"}',
  invalid_credentials: 'itsor_problems_total{code="invalid_credentials"}',
  login_locked: 'itsor_problems_total{code="login_locked"}',
} as const;

/** Twenty accounts from one network: each pair is locked, then the network; nobody else is. Step 1 and 2 of the runbook. */
export const guessFromOneNetwork = async (
  { url, administer, counting }: Scene,
  victims: readonly Person[],
) => {
  const count = await counting();
  const attacker = clientFrom(url, attackerAddress);
  const [first, ...others] = victims;
  const last = others.pop();
  if (!first || !last) throw fail('accounts', 'there are too few');
  await guessTimes(attacker, first.email, pairMax);
  pass(`somebody in one network guesses the password of ${first.email}: ${pairMax} times 401`);
  const locked = await logIn(attacker, first.email);
  expectStatus('from there even the right password is refused', locked, '429 login_locked');
  if (!(Number(locked.headers.get('Retry-After')) > 0)) throw fail('with Retry-After', 'there is none');
  expectStatus('its owner is let in from another network', await logIn(first.home, first.email), 200);

  for (const { email } of others) await guessTimes(attacker, email, pairMax);
  expectStatus('an account not guessed at yet is open there', await logIn(attacker, last.email), 200);
  await guessTimes(attacker, last.email, pairMax);
  pass(`and at ${victims.length} accounts in all: ${victims.length * pairMax} times 401`);
  const stranger = 'nobody-yet@example.com';
  expectStatus('then the network is locked', await guess(attacker, stranger), '429 login_locked');
  expectStatus('and nobody at home', await logIn(last.home, last.email), 200);

  const failed = victims.length * pairMax;
  await expectSoon(
    `/metrics: ${failed} failed, 2 locked, 3 let in`,
    { failed, succeeded: 3, admitted: failed + 3, locked: 2, invalid_credentials: failed, login_locked: 2 },
    () => count(samples),
  );
  await expectSoon(
    `the audit trail: ${failed} failed from ${attackerAddress}, a lock for each account, the last for the network`,
    { failed, accounts: victims.length, by: { pair: victims.length - 1, address: 1 }, elsewhere: 0 },
    async () => {
      const [failures, locks] = await Promise.all([
        readAudit(administer, 'type=login.failed&limit=100'),
        readAudit(administer, 'type=login.locked&limit=100'),
      ]);
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

/** Ten networks at one account, each with what locks its pair: the account is locked for every network that it does not know. */
export const guessFromEverywhere = async (
  { url, administer }: Omit<Scene, 'counting'>,
  { email }: Person,
) => {
  const networks = Array.from({ length: 10 }, (_, at) => `192.0.2.${at + 1}`);
  for (const network of networks) await guessTimes(clientFrom(url, network), email, pairMax);
  expectStatus(
    `${networks.length} networks guess at ${email}: it is locked everywhere`,
    await logIn(clientFrom(url, '203.0.113.1'), email),
    '429 login_locked',
  );
  await expectSoon('the audit trail says that it is the account', { account: 1 }, async () => {
    const locks = await readAudit(administer, 'type=login.locked&limit=100');
    return { account: locks.filter(({ details }) => details.by === 'identifier').length };
  });
};

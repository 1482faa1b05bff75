import {
  type Administrator,
  logIn,
  type Person,
  password,
  readAudit,
  refresh,
  type Tokens,
  tokensOf,
} from '../accounts.ts';
import { clientFrom, type Send } from '../client.ts';
import { expectSoon, expectStatus } from '../steps.ts';
import { resetByMail } from './mail-reset.ts';

/** Of whoever has what is not theirs. */
export const thiefAddress = '203.0.113.7';
export const newPassword = 'plum tractor violin moss';

const me = (send: Send, { access }: Tokens) => send('GET', '/auth/me', { bearer: access });

/** An account whose password somebody else knows, and its way back to its owner. Step 3 of the runbook. */
export const takeBack = async (url: string, administer: Administrator, owner: Person): Promise<void> => {
  const { email, home } = owner;
  const thief = clientFrom(url, thiefAddress);
  const stolen = tokensOf(expectStatus(`a thief logs in as ${email}`, await logIn(thief, email), 200));
  expectStatus('and is somebody', await me(thief, stolen), 200);
  const found = expectStatus('an administrator finds it', await administer('GET', `/users?q=${email}`), 200);
  const [user] = found.body.items as { id: string }[];
  const path = `/users/${user?.id}`;

  const taken = await administer('PATCH', path, { password: null });
  expectStatus('takes its password away', taken, 200);
  expectStatus('the stolen session is dead', await me(thief, stolen), '401 session_revoked');
  expectStatus('and its refresh token', await refresh(thief, stolen), '401 session_revoked');
  expectStatus('and the password', await logIn(thief, email), '401 invalid_credentials');
  await expectSoon('reads what was done with it', { opened: [thiefAddress], changed: 1 }, async () => {
    const events = await readAudit(administer, `user_id=${user?.id}`);
    const of = (type: string) => events.filter((event) => event.type === type);
    return { opened: of('session.opened').map(({ ip }) => ip), changed: of('account.changed').length };
  });

  await resetByMail(owner, newPassword);
  expectStatus('the stolen session stays dead', await me(thief, stolen), '401 session_revoked');
  expectStatus('and the old password', await logIn(thief, email, password), '401 invalid_credentials');
  const back = expectStatus('the owner logs in with the new one', await logIn(home, email, newPassword), 200);
  expectStatus('and is somebody', await me(home, tokensOf(back)), 200);
};

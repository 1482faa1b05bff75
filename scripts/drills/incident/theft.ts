import { logIn, type Person, readAudit, refresh, tokensOf } from '../accounts.ts';
import { clientFrom } from '../client.ts';
import { expectSoon, expectStatus } from '../steps.ts';
import type { Scene } from './guessing.ts';
import { thiefAddress } from './takeover.ts';

/** A refresh token that somebody has copied, and presents after its owner has gone on. */
export const reuseRefreshToken = async (
  { url, administer, counting }: Scene,
  { email, home }: Person,
): Promise<void> => {
  const count = await counting();
  const thief = clientFrom(url, thiefAddress);
  const copied = tokensOf(expectStatus(`${email} logs in, and is copied`, await logIn(home, email), 200));
  const next = tokensOf(expectStatus('the owner refreshes', await refresh(home, copied), 200));
  // The token before the last one is forgiven for some seconds, for tabs that race; one further back never is.
  const last = tokensOf(expectStatus('and once more', await refresh(home, next), 200));
  expectStatus('the thief comes after', await refresh(thief, copied), '401 refresh_token_reused');
  const me = await home('GET', '/auth/me', { bearer: last.access });
  expectStatus('the session is dead, and nobody has it', me, '401 session_revoked');
  expectStatus('nor its newest refresh token', await refresh(home, last), '401 session_revoked');
  await expectSoon('/metrics: one reuse, one problem of that code', { reused: 1, problems: 1 }, () =>
    count({
      reused: 'itsor_refreshes_total{outcome="reused"}',
      problems: 'itsor_problems_total{code="refresh_token_reused"}',
    }),
  );
  await expectSoon('the audit trail says from where', { from: [thiefAddress] }, async () => {
    const events = await readAudit(administer, 'type=session.refresh_reused');
    return { from: events.map(({ ip }) => ip) };
  });
  expectStatus('the owner logs in again', await logIn(home, email), 200);
};

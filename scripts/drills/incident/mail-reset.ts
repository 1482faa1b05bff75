import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../accounts.ts';
import { expectStatus, fail } from '../steps.ts';

type Mail = { readonly to: string; readonly text: string };

const mostMs = 20_000;

/** What the owner of a mailbox does, and nobody else can: asks for a reset, and follows the link in the mail. */
export const resetByMail = async ({ email, home }: Person, password: string): Promise<void> => {
  expectStatus(
    'the owner asks for a reset',
    await home('POST', '/auth/password/forgot', { json: { email } }),
    202,
  );
  const token = await waitForToken({ email, home });
  expectStatus(
    'and sets a new password by the link in the mail',
    await home('POST', '/auth/password/reset', { json: { token, password } }),
    204,
  );
};

const waitForToken = async ({ email, home }: Person): Promise<string> => {
  const deadlineMs = performance.now() + mostMs;
  while (performance.now() < deadlineMs) {
    const { body } = await home('GET', '/dev/mailbox', { headers: { Accept: 'application/json' } });
    const mails = (body.items as Mail[]).filter(({ to }) => to === email);
    const [, token] = mails.map(({ text }) => /\/reset-password\?token=(\S+)/.exec(text)).find(Boolean) ?? [];
    if (token !== undefined) return token;
    await sleep(200);
  }
  throw fail('the mail with the link comes', `not within ${mostMs / 1000} seconds`);
};

import { expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient();

// What browsers hold of a cookie, name and attributes included (RFC 6265 section 6.1).
const maxCookieBytes = 4096;

// Proves ASVS 3.3.5; ASVS 4.2.5.
it('an access token fits a cookie with as many roles as an account can have, each of the greatest length', async () => {
  const { access_token: bearer } = await newAdmin(client);
  const { user } = await newAccount(client);
  const longName = (index: number) => `r${index}-`.padEnd(64, crypto.randomUUID());
  const roles = Array.from({ length: 33 }, (_, index) => longName(index));
  await sql`insert into roles (name, created_at) select name, now() from unnest(${roles}::text[]) name`;
  const give = (given: string[]) => client('PATCH', `/users/${user.id}`, { bearer, json: { roles: given } });
  await expectProblem(await give(roles), 422, 'validation_failed');
  expect((await give(roles.slice(1))).status).toBe(200);

  const login = await client('POST', '/auth/token', { json: { email: user.email, password } });
  for (const cookie of login.headers.getSetCookie()) expect(cookie.length).toBeLessThan(maxCookieBytes);
  const token = login.headers.getSetCookie()[0]?.split(/[=;]/)[1] ?? '';
  expect((await client('GET', '/auth/me', { cookies: { itsor_session: token } })).status).toBe(200);
});

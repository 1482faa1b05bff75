import { describe, expect, it } from 'vitest';
import { eventsAbout, newAdmin } from '../support/worker/administrators.ts';
import { createClient, newEmail, password, silentQueue, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import {
  createProvider,
  issuer,
  newPerson,
  sessionOf,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { tokenIn } from '../support/worker/mail.ts';

const provider = createProvider();
const client = createClient({ ...withProvider, MAIL_QUEUE: silentQueue });

type Item = { id: string; name: string; issuer: string; created_at: string; last_used_at: string };
const listBy = async (cookies: Record<string, string>) =>
  (await (await client('GET', '/users/me/identities', { cookies })).json<{ items: Item[] }>()).items;
const idBy = async (cookies: Record<string, string>) => (await listBy(cookies))[0]?.id ?? '';
const unlink = (cookies: Record<string, string>, id: string) =>
  client('DELETE', `/users/me/identities/${id}`, { cookies });
const setPassword = async (email: string) => {
  await client('POST', '/auth/password/forgot', { json: { email } });
  const token = await tokenIn(email, 'reset_password', 'reset_password');
  expect((await client('POST', '/auth/password/reset', { json: { token, password } })).status).toBe(204);
};
/** A person whose only way to log in is Acme. */
const newcomer = async () => {
  const person = newPerson();
  return { person, email: person.email ?? '', cookies: sessionOf(await signOn(client, provider, person)) };
};
const secondWay = async (email: string) => {
  const [{ id } = {}] = await sql`select id from users where email = ${email}`;
  const way = crypto.randomUUID();
  await sql`insert into identities values (${way}, ${id}, ${issuer}, ${way}, true, now(), now(), ${email})`;
  return way;
};

describe('the identities of an account', () => {
  it('are listed with the names of their providers, or with a host for a provider that is no longer configured', async () => {
    const { email, cookies } = await newcomer();
    const gone = await secondWay(email);
    await sql`update identities set issuer = 'https://gone.example/realm' where id = ${gone}`;
    const items = await listBy(cookies);
    expect(items.map(({ name }) => name).toSorted()).toEqual(['Acme', 'gone.example']);
    expect(items.find(({ name }) => name === 'Acme')).toEqual({
      id: expect.any(String),
      name: 'Acme',
      issuer,
      created_at: expect.any(String),
      last_used_at: expect.any(String),
    });
  });

  it('are in the export, with their subject and address, and go with the account', async () => {
    const { person, email, cookies } = await newcomer();
    const exported = await client('GET', '/users/me/export', { cookies });
    expect(await exported.json()).toMatchObject({
      identities: [{ issuer, subject: person.sub, email, vouched: true }],
    });

    await setPassword(email);
    const again = sessionOf(await signOn(client, provider, person));
    expect((await client('DELETE', '/users/me', { cookies: again, json: { password } })).status).toBe(204);
    expect(await sql`select from identities where subject = ${person.sub}`).toEqual([]);
    expect((await signOn(client, provider, person)).status).toBe(303); // a new account
  });

  it('can be removed one by one, except the last way to log in', async () => {
    const { person, email, cookies } = await newcomer();
    const id = await idBy(cookies);
    expect(await verdictOf(await unlink(cookies, id))).toEqual([409, 'conflict']);
    const other = await secondWay(email);
    expect((await unlink(cookies, id)).status).toBe(204);
    expect(await verdictOf(await unlink(cookies, id))).toEqual([404, 'not_found']);
    expect(await verdictOf(await unlink(cookies, other))).toEqual([409, 'conflict']);

    await setPassword(email);
    const login = sessionOf(await client('POST', '/auth/token', { json: { email, password } }));
    expect((await unlink(login, other)).status).toBe(204);
    // Both sides still prove the address, so that the identity can be linked again.
    expect((await signOn(client, provider, person)).status).toBe(303);
  });

  it('do not count as a way to log in if their provider is no longer configured', async () => {
    const { email, cookies } = await newcomer();
    const gone = await secondWay(email);
    await sql`update identities set issuer = 'https://gone.example' where id = ${gone}`;
    const [acme] = (await listBy(cookies)).filter(({ name }) => name === 'Acme');
    expect(await verdictOf(await unlink(cookies, acme?.id ?? ''))).toEqual([409, 'conflict']);
    expect((await unlink(cookies, gone)).status).toBe(204);
  });

  it('do not count as a way to log in where cookies are not accepted', async () => {
    const { email, cookies } = await newcomer();
    await secondWay(email);
    const [{ id } = {}] =
      await sql`select id from identities where user_id = (select id from users where email = ${email}) limit 1`;
    const byHeader = createClient({ ...withProvider, JWT_TOKEN_LOCATION: 'headers' });
    const bearer = cookies.itsor_session ?? '';
    expect((await byHeader('DELETE', `/users/me/identities/${id}`, { bearer })).status).toBe(409);
    expect((await client('DELETE', `/users/me/identities/${id}`, { cookies })).status).toBe(204);
  });

  it('are all removed with the password that an administrator removes, like sessions and links', async () => {
    const { person, email, cookies } = await newcomer();
    await client('POST', '/auth/password/forgot', { json: { email } });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const { access_token: bearer, user } = await newAdmin(client);
    const [{ id } = {}] = await sql`select id from users where email = ${email}`;
    const edited = await client('PATCH', `/users/${id}`, { bearer, json: { password: null } });
    expect(edited.status).toBe(200);
    expect((await client('GET', '/auth/me', { cookies })).status).toBe(401);
    expect(await sql`select id from identities where user_id = ${id}`).toEqual([]);
    const json = { token, password: 'umbrella lantern orchard 47' };
    expect((await client('POST', '/auth/password/reset', { json })).status).toBe(400);
    const events = await eventsAbout(String(id));
    expect(events.find(({ type }) => type === 'identity.unlinked')).toMatchObject({ actor_id: user.id });
    // The provider vouches for the owner, who can log in again.
    expect((await signOn(client, provider, person)).status).toBe(303);
  });

  it('of other accounts are 404', async () => {
    const { cookies } = await newcomer();
    const id = await idBy((await newcomer()).cookies);
    expect(await verdictOf(await unlink(cookies, id))).toEqual([404, 'not_found']);
  });

  it('of one account are never all removed at the same time', async () => {
    const accounts = await Promise.all(Array.from({ length: 8 }, newcomer));
    const taken = await Promise.all(
      accounts.map(async ({ email, cookies }) => {
        const ids = [await idBy(cookies), await secondWay(email)];
        return Promise.all(ids.map(async (id) => (await unlink(cookies, id)).status));
      }),
    );
    expect(taken.map((statuses) => statuses.toSorted())).toEqual(Array(8).fill([204, 409]));
  });

  it('leave an audit event when they are removed', async () => {
    const { email, cookies } = await newcomer();
    const id = await idBy(cookies);
    await secondWay(email);
    await unlink(cookies, id);
    const events =
      await sql`select details from audit_events where type = 'identity.unlinked' and details->'identity_ids' ? ${id}`;
    expect(events).toHaveLength(1);
  });
});

describe('an account without a password', () => {
  it.each([
    ['DELETE', '/users/me', { password }],
    ['POST', '/auth/password', { current_password: password, new_password: 'umbrella lantern orchard 47' }],
    ['POST', '/auth/email/change', { email: newEmail(), password }],
  ])('%s %s says how to get one', async (method, path, body) => {
    const { cookies } = await newcomer();
    const response = await client(method, path, { cookies, json: body });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      code: 'invalid_credentials',
      detail: expect.stringContaining('no password yet: ask for a reset link'),
    });
  });

  it('gets the same answer to a login as any other account', async () => {
    const { email } = await newcomer();
    const problems = [];
    for (const identifier of [email, newEmail()]) {
      const response = await client('POST', '/auth/token', { json: { identifier, password } });
      const { request_id: _, ...problem } = await response.json<Record<string, unknown>>();
      problems.push([response.status, problem]);
    }
    expect(problems[0]).toEqual(problems[1]);
  });
});

describe('the account page', () => {
  it('offers a login at each provider, which starts at the origin of its callback', async () => {
    const page = await (await client('GET', '/account')).text();
    expect(page).toMatch(/href="http:\/\/localhost:3002\/auth\/oauth\/acme"[^>]*>\s*Log in with Acme/);
    expect(await (await createClient()('GET', '/account')).text()).not.toContain('Log in with ');
  });

  it('shows the ways to log in, and removes one', async () => {
    const { email, cookies } = await newcomer();
    const id = await idBy(cookies);
    const page = await (await client('GET', '/account', { cookies })).text();
    expect(page).toContain('Ways to log in');
    expect(page).toContain(`value="${id}"`);
    expect(page).toContain('Set a password');
    expect(page).not.toContain('name="current_password"');

    const submit = () => client('POST', '/account/identities/unlink', { cookies, form: { id } });
    const refused = await submit();
    expect([refused.status, (await refused.text()).includes('Set a password first.')]).toEqual([409, true]);
    await secondWay(email);
    const done = await submit();
    expect([done.status, done.headers.get('Location')]).toEqual([303, '/account?done=identity-unlinked']);
  });

  it('shows the forms of a password once the account has one', async () => {
    const { person, email } = await newcomer();
    await setPassword(email);
    const cookies = sessionOf(await signOn(client, provider, person));
    const me = await (await client('GET', '/auth/me', { cookies })).json<Tokens['user']>();
    expect(me.password_changed_at).not.toBeNull();
    const page = await (await client('GET', '/account', { cookies })).text();
    expect(page).toContain('name="current_password"');
    expect(page).not.toContain('Set a password');
  });

  it('removes nothing for a form of another site', async () => {
    const { cookies } = await newcomer();
    const response = await client('POST', '/account/identities/unlink', {
      cookies,
      form: { id: await idBy(cookies) },
      headers: { Origin: 'https://evil.example' },
    });
    expect(response.status).toBe(403);
  });
});

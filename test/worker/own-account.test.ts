import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventsAbout, newAdmin } from '../support/worker/administrators.ts';
import { cookiesOf, createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { mailsTo, proveAddress, tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { createUploader, declare, uploadFile, workOn } from '../support/worker/uploads.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const newName = () => `n${crypto.randomUUID().slice(0, 8)}`;

describe('PATCH /users/me', () => {
  it('PATCH sets a user name, which then logs in, and removes it', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    const username = newName();
    const patch = (json: object) => client('PATCH', '/users/me', { bearer, json });
    expect(await (await patch({ username })).json()).toEqual({ ...user, username });
    expect((await client('POST', '/auth/token', { json: { username, password } })).status).toBe(200);
    expect(await (await patch({ username: null })).json()).toEqual(user);
    await expectProblem(
      await client('POST', '/auth/token', { json: { username, password } }),
      401,
      'invalid_credentials',
    );
    const events = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(events.map(({ details }) => details)).toEqual([{ username: 'changed' }, { username: 'changed' }]);
  });

  it('PATCH refuses a name that is taken, and members that a person cannot set', async () => {
    const [one, two] = [await newAccount(client), await newAccount(client)];
    const username = newName();
    const patch = (bearer: string, json: object) => client('PATCH', '/users/me', { bearer, json });
    await patch(one.access_token, { username });
    await expectProblem(await patch(two.access_token, { username }), 409, 'username_taken');
    for (const json of [{}, { username, roles: ['admin'] }, { email_verified: true }, { username: 'A b' }]) {
      await expectProblem(await patch(two.access_token, json), 422, 'validation_failed');
    }
  });
});

describe('DELETE /users/me', () => {
  it('a deletion needs the password, ends everything at once and tells the address', async () => {
    const { access_token: bearer, refresh_token, user } = await newAccount(client);
    const remove = (json: object) => client('DELETE', '/users/me', { bearer, json });
    await expectProblem(await remove({ password: 'not the password' }), 401, 'invalid_credentials');
    await expectProblem(await remove({}), 422, 'validation_failed');

    const removed = await remove({ password });
    expect(removed.status).toBe(204);
    expect(cookiesOf(removed).get('itsor_session')?.attributes).toContain('Max-Age=0');
    await expectProblem(await client('GET', '/auth/me', { bearer }), 401, 'session_revoked');
    await expectProblem(
      await client('POST', '/auth/refresh', { json: { refresh_token } }),
      401,
      'refresh_token_invalid',
    );
    await expectProblem(
      await client('POST', '/auth/token', { json: { email: user.email, password } }),
      401,
      'invalid_credentials',
    );
    for (const { ip, user_agent, request_id } of await eventsAbout(user.id)) {
      expect({ ip, user_agent, request_id }).toEqual({ ip: null, user_agent: null, request_id: 'erased' });
    }
    expect((await eventsAbout(user.id)).map(({ type }) => type)).toContain('account.deleted');
    expect((await mailsTo(user.email)).map(({ template }) => template)).toEqual(['account_deleted']);
    expect((await client('POST', '/auth/signup', { json: { email: user.email, password } })).status).toBe(
      201,
    );
  });

  it('an administrator who is not the last can delete the account', async () => {
    const admin = await newAdmin(client);
    await newAdmin(client);
    const response = await client('DELETE', '/users/me', { bearer: admin.access_token, json: { password } });
    expect(response.status).toBe(204);
  });
});

type Export = { uploads: { id: string; status: string }[]; items: unknown[] };
const lists = ['identities', 'sessions', 'devices', 'mails', 'tokens', 'uploads', 'events'] as const;
type Page = Record<(typeof lists)[number], { id?: string }[]> & { next_cursor: string | null };

/** Follows the cursor to its end. */
const readPages = async (by: typeof client, bearer: string, limit: number): Promise<Page[]> => {
  const pages: Page[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const response = await by('GET', `/users/me/export?limit=${limit}${query}`, { bearer });
    expect(response.status).toBe(200);
    const page: Page = await response.json();
    pages.push(page);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return pages;
};
const sizeOf = (page: Page) => lists.reduce((sum, list) => sum + page[list].length, 0);

describe('GET /users/me/export', () => {
  it('the export is the same after a change to a known address as after one to a free address', async () => {
    const { user: other } = await newAccount(client);
    const exports: object[] = [];
    for (const [isProved, email] of [
      [true, other.email],
      [true, newEmail()],
      [false, other.email],
      [false, newEmail()],
    ] as const) {
      const { access_token: bearer, user } = await newAccount(client);
      if (isProved) await proveAddress(user.email);
      await client('POST', '/auth/email/change', { bearer, json: { email, password } });
      const text = await (await client('GET', '/users/me/export', { bearer })).text();
      expect(text).not.toContain(email);
      const { mails, tokens, events } = JSON.parse(text);
      exports.push({
        mails: mails.map(({ template }: { template: string }) => template).toSorted(),
        tokens: tokens.map(({ purpose }: { purpose: string }) => purpose),
        events: events.map(({ type }: { type: string }) => type),
      });
    }
    expect(exports[0]).toEqual(exports[1]);
    expect(exports[0]).toMatchObject({ mails: ['email_change_requested', 'verify_email'] });
    expect(exports[2]).toEqual(exports[3]);
    // What was sent to the account's own address is there, proved or not.
    expect(exports[2]).toMatchObject({
      mails: ['email_change_requested', 'verify_email'],
      tokens: ['verify_email'],
    });
  });

  it.each([
    ['a sign-up', 'email.verified'],
    ['a change of address', 'email.changed'],
  ])('the export does not tell a stranger where the owner of an address confirms %s', async (what, type) => {
    const email = newEmail();
    const isSignUp = what === 'a sign-up';
    const { access_token: bearer } = await newAccount(client, isSignUp ? email : newEmail());
    if (!isSignUp) await client('POST', '/auth/email/change', { bearer, json: { email, password } });
    const token = isSignUp
      ? await tokenIn(email, 'verify_email', 'verify_email')
      : await tokenIn(email, 'verify_new_email', 'change_email');
    const headers = { 'CF-Connecting-IP': '203.0.113.77', 'User-Agent': 'the browser of the owner' };
    expect((await client('POST', '/auth/email/verify', { json: { token }, headers })).status).toBe(204);

    const text = await (await client('GET', '/users/me/export', { bearer })).text();
    expect(JSON.parse(text).events).toContainEqual(
      expect.objectContaining({ type, by: 'unknown', ip: null, user_agent: null, request_id: null }),
    );
    for (const trace of Object.values(headers)) expect(text).not.toContain(trace);
  });

  it('the export has the account and every list, and nothing about other people', async () => {
    const admin = await newAdmin(client);
    const { access_token: bearer, user } = await newAccount(client);
    await client('POST', '/auth/token', {
      json: { email: user.email, password: 'a wrong one' },
      headers: { 'User-Agent': 'the browser of another person' },
    });
    await vi.waitFor(async () =>
      expect((await eventsAbout(user.id)).map(({ type }) => type)).toContain('login.failed'),
    );
    await client('PATCH', `/users/${user.id}`, {
      bearer: admin.access_token,
      json: { must_change_password: true },
      headers: { 'User-Agent': 'the browser of the administrator' },
    });
    const pending = newEmail();
    await client('POST', '/auth/email/change', { bearer, json: { email: pending, password } });
    const response = await client('GET', '/users/me/export', { bearer });
    expect(response.headers.get('Content-Disposition')).toBe('attachment; filename="account.json"');
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    const text = await response.text();
    expect(text).not.toContain(admin.user.id);
    expect(text).not.toContain('the browser of the administrator');
    expect(text).not.toContain('the browser of another person');
    expect(text).not.toContain('argon2');
    const first = JSON.parse(text);
    expect(first.account).toMatchObject({ id: user.id, email: user.email });
    expect(first.sessions).toHaveLength(2);
    expect(text).not.toContain(pending);
    expect(first.mails.map(({ recipient }: { recipient: string }) => recipient)).toContain(user.email);
    expect(first.tokens.map(({ email }: { email: string }) => email)).toContain(user.email);
    expect(first.events).toMatchObject([
      { type: 'email.change_requested', by: 'you' },
      { type: 'account.changed', by: 'administrator', ip: null, user_agent: null, request_id: null },
      { type: 'login.failed', by: 'unknown', ip: null, user_agent: null, request_id: null },
      { type: 'session.opened', by: 'you' },
      { type: 'session.opened', by: 'you' },
      { type: 'account.signed_up' },
    ]);
    expect(first.next_cursor).toBeNull();
  });

  it('the pages of an export together have every row once', async () => {
    const uploader = createUploader();
    const { access_token: bearer, user } = await newAccount(uploader);
    // The session that asks is used at the instant of the request.
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    await declare(uploader, bearer);
    await sql`insert into identities (id, user_id, issuer, subject, vouched, created_at, last_used_at)
              values (${crypto.randomUUID()}, ${user.id}, 'https://acme.example', ${user.id}, true, now(), now())`;
    const [whole] = await readPages(uploader, bearer, 1000);
    if (!whole) throw new Error('an export has a page');
    for (const list of lists) expect(whole[list], list).not.toEqual([]);
    for (const limit of [1, 3]) {
      const pages = await readPages(uploader, bearer, limit);
      for (const page of pages.slice(0, -1)) expect(sizeOf(page)).toBe(limit);
      for (const list of lists) expect(pages.flatMap((page) => page[list])).toEqual(whole[list]);
    }
  });

  it('a page of an export has a limit, however many sessions there are', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    await sql`insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
              select gen_random_uuid(), ${user.id}::uuid, now(), now(), now(), now() from generate_series(1, 2500)`;
    const pages = await readPages(client, bearer, 1000);
    expect(pages.map(sizeOf).slice(0, 2)).toEqual([1000, 1000]);
    const ids = pages.flatMap(({ sessions }) => sessions.map(({ id }) => id));
    expect(ids).toHaveLength(2502);
    expect(new Set(ids).size).toBe(2502);
    const usual = await (await client('GET', '/users/me/export', { bearer })).json<Page>();
    expect(sizeOf(usual)).toBe(1000);
    for (const limit of ['0', '1001', 'x'])
      await expectProblem(
        await client('GET', `/users/me/export?limit=${limit}`, { bearer }),
        422,
        'validation_failed',
      );
  });

  it('the export has the facts of every own file, and nothing about other files or their storage', async () => {
    const uploader = createUploader();
    const [{ access_token: bearer }, other] = [await newAccount(uploader), await newAccount(uploader)];
    const pending = await declare(uploader, bearer);
    const clean = await uploadFile(uploader, bearer);
    await workOn(clean);
    const deleted = await uploadFile(uploader, bearer);
    await uploader('DELETE', `/uploads/${deleted}`, { bearer });
    await uploadFile(uploader, other.access_token);
    const read = async (path: string) => (await uploader('GET', path, { bearer })).json<Export>();
    const { uploads } = await read('/users/me/export');
    expect(uploads.map(({ id, status }) => [id, status])).toEqual([
      [clean, 'clean'],
      [pending.id, 'pending'],
    ]);
    expect(uploads).toEqual((await read('/uploads')).items);
  });

  it('the export is refused to a disabled account', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    await sql`update users set disabled_at = now() where id = ${user.id}`;
    await expectProblem(await client('GET', '/users/me/export', { bearer }), 403, 'account_disabled');
  });
});

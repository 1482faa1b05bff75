import { describe, expect, it } from 'vitest';
import {
  eventsAbout,
  newAccountAllowed,
  newAccountWith,
  newAdmin,
  newRole,
} from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { mailsTo, tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';

const clients = Array.from({ length: 12 }, () => createClient());
let turn = 0;
/** Sign-ups are limited by address, so each test has its own address. */
const newClient = () => clients[turn++ % clients.length] ?? createClient();

type User = Tokens['user'] & Record<string, unknown>;
type UserPage = { items: User[]; next_cursor: string | null };

const page = async (response: Response): Promise<UserPage> => {
  expect(response.status).toBe(200);
  return response.json();
};

describe('GET /users', () => {
  it('lists all accounts newest first, in pages that contain each account once', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    const made = [await newAccount(client), await newAccount(client), await newAccount(client)];
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `limit=2${cursor ? `&cursor=${cursor}` : ''}`;
      const { items, next_cursor }: UserPage = await page(await client('GET', `/users?${query}`, { bearer }));
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map(({ id }) => id));
      cursor = next_cursor;
    } while (cursor && !seen.includes(made[0]?.user.id ?? ''));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(seen.toSorted().reverse());
    for (const { user } of made) expect(seen).toContain(user.id);
  });

  it('finds accounts by the beginning of an address or a user name, in alphabetical order and each once', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    const stem = `q${crypto.randomUUID().slice(0, 8)}`;
    const made = await Promise.all(
      ['b', 'a', 'd', 'c'].map(async (letter) => {
        const json = { email: `${stem}${letter}@example.com`, password, username: `${stem}${letter}` };
        return (await (await client('POST', '/auth/signup', { json })).json<Tokens>()).user;
      }),
    );
    const other = { email: newEmail(), password, username: `${stem}-x` };
    await client('POST', '/auth/signup', { json: other });

    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `q=${stem.toUpperCase()}&limit=2${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
      const found: UserPage = await page(await client('GET', `/users?${query}`, { bearer }));
      seen.push(...found.items.map(({ email }) => email));
      cursor = found.next_cursor;
    } while (cursor);
    expect(seen.toSorted()).toEqual([...made.map(({ email }) => email), other.email].toSorted());
    expect(seen.filter((email) => email.startsWith(stem))).toEqual(made.map(({ email }) => email).toSorted());
  });

  it('treats no character of a prefix as a pattern', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    for (const q of ['%', '_', '\\', "'", '%25', '\u{10ffff}']) {
      const { items } = await page(await client('GET', `/users?q=${encodeURIComponent(q)}`, { bearer }));
      for (const { email } of items) expect(email.startsWith(q)).toBe(true);
    }
  });

  it.each([
    'cursor=x',
    'limit=0',
    'limit=101',
    'limit=1e1',
    'limit=0x10',
    'limit=+5',
    'limit=%2B5',
    'limit=5.0',
    'limit=',
    'limit=1&limit=2',
    `limit=${'9'.repeat(30)}`,
    'q=',
    'q=%00',
    'order=desc',
    'limit=1&limit=x',
  ])('refuses the query %s', async (query) => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    await expectProblem(await client('GET', `/users?${query}`, { bearer }), 422, 'validation_failed');
  });
});

describe('GET /users/{id}', () => {
  it('answers with the account and its ETag, or with 404', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    const { user } = await newAccount(client);
    const response = await client('GET', `/users/${user.id}`, { bearer });
    expect(await response.json()).toMatchObject({ ...user, disabled: false });
    expect(response.headers.get('ETag')).toMatch(/^"\w+"$/);
    // A proxy that compressed it would make the ETag weak, and no If-Match would hold.
    expect(response.headers.get('Cache-Control')).toBe('no-store, no-transform');
    await expectProblem(await client('GET', `/users/${crypto.randomUUID()}`, { bearer }), 404, 'not_found');
    await expectProblem(await client('GET', '/users/7', { bearer }), 422, 'validation_failed');
  });
});

describe('POST /users', () => {
  it('creates an account whose owner has to change the first password', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const email = newEmail();
    const created = await client('POST', '/users', {
      bearer: admin.access_token,
      json: { email: email.toUpperCase(), password, roles: ['user', 'user'] },
    });
    expect(created.status).toBe(201);
    const user = await created.json<User>();
    expect(created.headers.get('Location')).toBe(`/users/${user.id}`);
    expect(user).toMatchObject({ email, roles: ['user'], must_change_password: true, disabled: false });

    const login = await client('POST', '/auth/token', { json: { email, password } });
    expect(await login.json()).toMatchObject({ must_change_password: true });
    expect((await mailsTo(email)).map(({ template }) => template)).toContain('verify_email');
    expect(await eventsAbout(user.id)).toContainEqual(
      expect.objectContaining({ type: 'account.created', actor_id: admin.user.id, subject_id: user.id }),
    );
  });

  it('checks the permission before it checks or hashes a password', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccount(client);
    for (const attempt of ['weak', password]) {
      const answer = await client('POST', '/users', {
        bearer,
        json: { email: newEmail(), password: attempt },
      });
      await expectProblem(answer, 403, 'forbidden');
    }
  });

  it('mails an invitation that sets a password, verifies the address and works once', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const email = newEmail();
    expect((await client('POST', '/users', { bearer, json: { email } })).status).toBe(201);
    await expectProblem(
      await client('POST', '/auth/token', { json: { email, password } }),
      401,
      'invalid_credentials',
    );
    const token = await tokenIn(email, 'invitation', 'invitation');
    const chosen = 'umbrella lantern orchard 47';
    expect((await client('POST', '/auth/password/reset', { json: { token, password: chosen } })).status).toBe(
      204,
    );
    await expectProblem(
      await client('POST', '/auth/password/reset', { json: { token, password } }),
      400,
      'token_invalid',
    );
    const login = await client('POST', '/auth/token', { json: { email, password: chosen } });
    expect(await login.json()).toMatchObject({
      must_change_password: false,
      user: { email_verified: true },
    });
  });

  it('refuses everything that a sign-up refuses, and unknown roles', async () => {
    const client = newClient();
    const { access_token: bearer, user } = await newAdmin(client);
    const post = (json: object) => client('POST', '/users', { bearer, json });
    await expectProblem(await post({ email: user.email }), 409, 'email_taken');
    await expectProblem(await post({ email: newEmail(), password: 'short' }), 422, 'weak_password');
    await expectProblem(await post({ email: newEmail(), id: crypto.randomUUID() }), 422, 'validation_failed');
    const unknown = await post({ email: newEmail(), roles: ['user', 'no-such-role'] });
    expect(await expectProblem(unknown, 422, 'validation_failed')).toContain('unknown_role');
  });
});

describe('PATCH /users/{id}', () => {
  it('changes only the given members, and names them in the audit trail', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const { user } = await newAccount(client);
    const patch = (json: object) =>
      client('PATCH', `/users/${user.id}`, { bearer: admin.access_token, json });
    const name = `n${crypto.randomUUID().slice(0, 8)}`;
    expect(await (await patch({ username: name })).json()).toMatchObject({ username: name, roles: ['user'] });
    expect(await (await patch({ roles: [] })).json()).toMatchObject({ username: name, roles: [] });
    expect(await (await patch({ must_change_password: true, roles: ['user'] })).json()).toMatchObject({
      username: name,
      roles: ['user'],
      must_change_password: true,
    });
    expect(await (await patch({ username: null })).json()).toMatchObject({ username: null });
    const changes = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(changes.map(({ details }) => details)).toEqual([
      { username: 'changed' },
      { roles: [], roles_before: ['user'] },
      { must_change_password: true, roles: ['user'], roles_before: [] },
      { username: 'changed' },
    ]);
    expect(JSON.stringify(changes)).not.toContain(name);
  });

  it('removes a password together with every session and unused token of the account', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const { user, access_token: stolen } = await newAccount(client);
    // A thief with the account would move it to their own address.
    const theirs = newEmail();
    const asked = { password, email: theirs };
    expect((await client('POST', '/auth/email/change', { bearer: stolen, json: asked })).status).toBe(202);
    const token = await tokenIn(theirs, 'verify_new_email', 'change_email');

    const json = { password: null, must_change_password: true };
    const patch = { bearer: admin.access_token, json };
    const edited = await client('PATCH', `/users/${user.id}`, patch);
    expect(edited.status).toBe(200);
    // An account without a password has no password to change.
    const none = { password_changed_at: null, must_change_password: false, disabled: false };
    expect(await edited.json()).toMatchObject(none);
    const login = { json: { email: user.email, password } };
    await expectProblem(await client('GET', '/auth/me', { bearer: stolen }), 401, 'session_revoked');
    await expectProblem(await client('POST', '/auth/token', login), 401, 'invalid_credentials');
    await expectProblem(
      await client('POST', '/auth/email/verify', { json: { token } }),
      400,
      'token_invalid',
    );
    const [change] = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(change).toMatchObject({
      actor_id: admin.user.id,
      details: { password: 'removed', must_change_password: true },
    });

    await client('POST', '/auth/password/forgot', { json: { email: user.email } });
    const reset = {
      token: await tokenIn(user.email, 'reset_password', 'reset_password'),
      password: 'another horse battery staple',
    };
    expect((await client('POST', '/auth/password/reset', { json: reset })).status).toBe(204);
    const back = { json: { email: user.email, password: reset.password } };
    expect((await client('POST', '/auth/token', back)).status).toBe(200);
  });

  it('sets no password, and removes neither the actor’s own nor the last administrator’s', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const { user } = await newAccount(client);
    const patch = (id: string, json: object) =>
      client('PATCH', `/users/${id}`, { bearer: admin.access_token, json });
    await expectProblem(await patch(user.id, { password }), 422, 'validation_failed');
    await expectProblem(await patch(admin.user.id, { password: null }), 409, 'conflict');
  });

  it('an edit that changes nothing keeps the version and writes no event', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const patch = (json: object) => client('PATCH', `/users/${user.id}`, { bearer, json });
    const tag = (await client('GET', `/users/${user.id}`, { bearer })).headers.get('ETag');
    for (const json of [
      { roles: ['user'] },
      { disabled: false },
      { must_change_password: false },
      { username: null },
    ]) {
      const response = await patch(json);
      expect(response.status).toBe(200);
      expect(response.headers.get('ETag')).toBe(tag);
    }
    await patch({ disabled: false, must_change_password: true });
    const changes = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(changes.map(({ details }) => details)).toEqual([{ must_change_password: true }]);
  });

  it('removing the password of an account without one changes nothing', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const patch = () => client('PATCH', `/users/${user.id}`, { bearer, json: { password: null } });
    const tag = (await patch()).headers.get('ETag');
    expect((await patch()).headers.get('ETag')).toBe(tag);
    const changes = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(changes).toHaveLength(1);
  });

  it('refuses If-Match from an actor who may not read: an answer would tell whether an edit changed anything', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:write');
    const { user } = await newAccount(client);
    const [row] = await sql`select xmin::text as version from users where id = ${user.id}`;
    for (const tag of [row?.version, '1']) {
      for (const method of ['PATCH', 'DELETE']) {
        const response = await client(method, `/users/${user.id}`, {
          bearer,
          headers: { 'If-Match': `"${tag}"` },
          ...(method === 'PATCH' && { json: { disabled: false } }),
        });
        await expectProblem(response, 403, 'forbidden');
      }
    }
  });

  // Proves RFC 9110, 13.1.1.
  it('refuses an edit whose If-Match names another version', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const read = await client('GET', `/users/${user.id}`, { bearer });
    const tag = read.headers.get('ETag') ?? '';
    const patch = (ifMatch: string) =>
      client('PATCH', `/users/${user.id}`, {
        bearer,
        json: { must_change_password: true },
        headers: { 'If-Match': ifMatch },
      });
    const first = await patch(`"other", ${tag}`);
    expect(first.status).toBe(200);
    await expectProblem(await patch(tag), 412, 'precondition_failed');
    await expectProblem(await patch(`W/${first.headers.get('ETag')}`), 412, 'precondition_failed');
    await expectProblem(await patch('1'), 422, 'validation_failed');
    expect((await patch(first.headers.get('ETag') ?? '')).status).toBe(200);
    expect((await patch('*')).status).toBe(200);
    await sql`update users set username = null where id = ${user.id}`;
    await expectProblem(await patch(tag), 412, 'precondition_failed');
  });

  it.each([
    {},
    { email: 'x@example.com' },
    { id: crypto.randomUUID() },
    { roles: 'admin' },
    { disabled: 'yes' },
  ])('refuses the body %o', async (json) => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    await expectProblem(
      await client('PATCH', `/users/${user.id}`, { bearer, json }),
      422,
      'validation_failed',
    );
  });

  // Proves ASVS 7.4.2.
  it('logs a disabled account out at once, and its old sessions stay ended when it is enabled again', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAdmin(client);
    const { user, access_token, refresh_token } = await newAccount(client);
    const set = (disabled: boolean) => client('PATCH', `/users/${user.id}`, { bearer, json: { disabled } });
    expect(await (await set(true)).json()).toMatchObject({ disabled: true });
    await expectProblem(
      await client('POST', '/auth/token', { json: { email: user.email, password } }),
      403,
      'account_disabled',
    );
    expect(await (await set(false)).json()).toMatchObject({ disabled: false });
    await expectProblem(await client('GET', '/auth/me', { bearer: access_token }), 401, 'session_revoked');
    await expectProblem(
      await client('POST', '/auth/refresh', { json: { refresh_token } }),
      401,
      'session_revoked',
    );
    expect((await client('POST', '/auth/token', { json: { email: user.email, password } })).status).toBe(200);
  });
});

describe('an actor with users:write and without users:read', () => {
  it('sees nothing of an edited account, not even whether the edit changed it', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:write');
    const { user } = await newAccount(client);
    const answers = [];
    for (const json of [
      { must_change_password: false },
      { must_change_password: true },
      { roles: ['user'] },
      { disabled: false },
    ]) {
      const response = await client('PATCH', `/users/${user.id}`, { bearer, json });
      answers.push([response.status, response.headers.get('ETag'), await response.text()]);
    }
    expect(answers).toEqual([204, 204, 204, 204].map((status) => [status, null, '']));
    const changes = (await eventsAbout(user.id)).filter(({ type }) => type === 'account.changed');
    expect(changes.map(({ details }) => details)).toEqual([{ must_change_password: true }]);
  });

  it('sees of a new account what was sent, and gets no ETag', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:write');
    const email = newEmail();
    const created = await client('POST', '/users', { bearer, json: { email, roles: ['user'] } });
    expect(created.status).toBe(201);
    const made = await created.json<User>();
    const known = { id: expect.any(String), email, username: null, roles: ['user'] };
    expect(made).toEqual({ ...known, created_at: expect.any(String) });
    expect(created.headers.get('ETag')).toBeNull();
    const edit = { bearer, json: { disabled: true } };
    expect((await client('PATCH', `/users/${made.id}`, edit)).status).toBe(204);
  });
});

describe('the limits of an administrator', () => {
  it('an actor cannot give a role with permissions that the actor does not have', async () => {
    const client = newClient();
    const { access_token: bearer, user: manager } = await newAccountAllowed(
      client,
      'users:read',
      'users:write',
    );
    const { user } = await newAccount(client);
    const wider = await newRole('users:read', 'audit:read');
    const narrower = await newRole('users:read');
    const give = (id: string, roles: string[]) =>
      client('PATCH', `/users/${id}`, { bearer, json: { roles } });
    await expectProblem(await give(user.id, ['admin']), 403, 'forbidden');
    await expectProblem(await give(user.id, [wider]), 403, 'forbidden');
    await expectProblem(await give(manager.id, ['admin']), 403, 'forbidden');
    await expectProblem(
      await client('POST', '/users', { bearer, json: { email: newEmail(), roles: ['admin'] } }),
      403,
      'forbidden',
    );
    expect(await (await give(user.id, [narrower])).json()).toMatchObject({ roles: [narrower] });
  });

  it('an actor cannot change an account with permissions that the actor does not have', async () => {
    const client = newClient();
    const { access_token: bearer } = await newAccountAllowed(client, 'users:write', 'sessions:revoke');
    const { user, access_token } = await newAdmin(client);
    const attempts: [string, string, object?][] = [
      ['PATCH', `/users/${user.id}`, { disabled: true }],
      ['PATCH', `/users/${user.id}`, { must_change_password: true }],
      ['DELETE', `/users/${user.id}`],
      ['DELETE', `/users/${user.id}/sessions`],
    ];
    for (const [method, path, json] of attempts) {
      await expectProblem(await client(method, path, { bearer, json }), 403, 'forbidden');
    }
    expect((await client('GET', '/auth/me', { bearer: access_token })).status).toBe(200);
  });

  it('an actor cannot remove their own role, and cannot disable or delete their own account', async () => {
    const client = newClient();
    const { access_token: bearer, user } = await newAdmin(client);
    const path = `/users/${user.id}`;
    for (const json of [{ roles: ['user'] }, { disabled: true }]) {
      await expectProblem(await client('PATCH', path, { bearer, json }), 409, 'conflict');
    }
    await expectProblem(await client('DELETE', path, { bearer }), 409, 'conflict');
    expect(await (await client('GET', '/auth/me', { bearer })).json()).toMatchObject({
      roles: ['admin', 'user'],
    });
  });

  it('an actor cannot give up a permission by replacing their own roles', async () => {
    const client = newClient();
    const { access_token: bearer, user } = await newAccountAllowed(client, 'users:write', 'users:read');
    const [role = ''] = user.roles.filter((name) => name !== 'user');
    const patch = (json: object) => client('PATCH', `/users/${user.id}`, { bearer, json });
    await expectProblem(await patch({ roles: [] }), 409, 'conflict');
    await expectProblem(await patch({ roles: ['user'] }), 409, 'conflict');
    expect(await (await patch({ roles: [role] })).json()).toMatchObject({ roles: [role] });
  });

  it('an administrator with a password to change is refused', async () => {
    const client = newClient();
    const { access_token: bearer, user } = await newAdmin(client);
    await sql`update users set must_change_password = true where id = ${user.id}`;
    await expectProblem(await client('GET', '/users', { bearer }), 403, 'password_change_required');
    await sql`update users set must_change_password = false, password_changed_at = now() - interval '91 days' where id = ${user.id}`;
    await expectProblem(await client('GET', '/users', { bearer }), 403, 'password_change_required');
    const unaged = createClient({ PASSWORD_MAX_AGE_DAYS: '0' });
    expect((await unaged('GET', '/users', { bearer })).status).toBe(200);
  });
});

describe('DELETE /users/{id}/sessions', () => {
  // Proves ASVS 7.4.5.
  it('logs the account out everywhere', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const { user, access_token } = await newAccount(client);
    const path = `/users/${user.id}/sessions`;
    expect((await client('DELETE', path, { bearer: admin.access_token })).status).toBe(204);
    await expectProblem(await client('GET', '/auth/me', { bearer: access_token }), 401, 'session_revoked');
    const [event] = (await eventsAbout(user.id)).filter(({ type }) => type === 'session.ended');
    expect(event).toMatchObject({ actor_id: admin.user.id, details: { scope: 'global', sessions: 2 } });
    await expectProblem(
      await client('DELETE', `/users/${crypto.randomUUID()}/sessions`, { bearer: admin.access_token }),
      404,
      'not_found',
    );
  });
});

describe('DELETE /users/{id}', () => {
  it('leaves only an audit trail without personal data, and mails the owner', async () => {
    const client = newClient();
    const admin = await newAdmin(client);
    const { user, access_token, refresh_token } = await newAccountWith(client, await newRole('users:read'));
    await client('POST', '/auth/password/forgot', { json: { email: user.email } });
    await client('PATCH', `/users/${user.id}`, {
      bearer: admin.access_token,
      json: { must_change_password: true },
      headers: { 'User-Agent': 'the browser of the administrator' },
    });
    const before = await eventsAbout(user.id);
    expect((await client('DELETE', `/users/${user.id}`, { bearer: admin.access_token })).status).toBe(204);

    await expectProblem(await client('GET', '/auth/me', { bearer: access_token }), 401, 'session_revoked');
    await expectProblem(
      await client('POST', '/auth/refresh', { json: { refresh_token } }),
      401,
      'refresh_token_invalid',
    );
    const after = await eventsAbout(user.id);
    expect(after.map(({ type }) => type)).toEqual([...before.map(({ type }) => type), 'account.deleted']);
    for (const { actor_id, ip, user_agent } of after) {
      if (actor_id === admin.user.id) expect(ip).not.toBeNull();
      else expect({ ip, user_agent }).toEqual({ ip: null, user_agent: null });
    }
    const tables = await sql`
      select table_name from information_schema.columns
      where table_schema = 'public' and column_name = 'user_id' order by table_name`;
    expect(tables.length).toBeGreaterThan(2);
    for (const { table_name } of tables) {
      expect(await sql.query(`select * from ${table_name} where user_id = $1`, [user.id])).toEqual([]);
    }
    expect((await mailsTo(user.email)).map(({ template }) => template)).toEqual(['account_deleted']);
    await expectProblem(
      await client('DELETE', `/users/${user.id}`, { bearer: admin.access_token }),
      404,
      'not_found',
    );
  });
});

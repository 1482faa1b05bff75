import { describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/platform/rules/permissions.ts';
import { newAccountAllowed, newAccountWith, newAdmin, newRole } from '../support/worker/administrators.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';

const client = createClient({ RATE_LIMIT_MAX: '1000' });
const newName = () => `r${crypto.randomUUID().slice(0, 8)}`;

const put = (
  bearer: string,
  name: string,
  permissions: readonly string[],
  headers: Record<string, string> = {},
) => client('PUT', `/roles/${name}`, { bearer, json: { permissions }, headers });

describe('roles', () => {
  it('a new database has the role `user` without permissions and the role `admin` with all of them', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'roles:read');
    const read = async (name: string) => (await client('GET', `/roles/${name}`, { bearer })).json();
    expect(await read('user')).toMatchObject({ permissions: [], built_in: true });
    expect(await read('admin')).toMatchObject({ permissions: expect.arrayContaining([...permissionNames]) });
    const [admin] = await sql`select cardinality(permissions) as count from roles where name = 'admin'`;
    expect(admin?.count).toBe(permissionNames.length);
    const listed = await (await client('GET', '/permissions', { bearer })).json<{
      items: { name: string }[];
    }>();
    expect(listed.items.map(({ name }) => name)).toEqual(permissionNames);
  });

  it('the list of roles has pages in the order of the names', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'roles:read');
    await newRole('users:read');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const response = await client('GET', `/roles?limit=3${cursor ? `&cursor=${cursor}` : ''}`, { bearer });
      const body = await response.json<{ items: { name: string }[]; next_cursor: string | null }>();
      seen.push(...body.items.map(({ name }) => name));
      cursor = body.next_cursor;
    } while (cursor);
    expect(seen).toEqual([...new Set(seen)]);
    expect(seen).toEqual(expect.arrayContaining(['admin', 'user']));
  });

  it('creating, changing and deleting a role each write one audit event', async () => {
    const { access_token: bearer, user } = await newAdmin(client);
    const name = newName();
    const made = await put(bearer, name, ['users:read', 'audit:read', 'users:read']);
    expect(made.status).toBe(201);
    expect(await made.json()).toMatchObject({
      name,
      permissions: ['audit:read', 'users:read'],
      built_in: false,
    });
    const changed = await put(bearer, name, ['users:read']);
    expect(changed.status).toBe(200);
    expect((await client('DELETE', `/roles/${name}`, { bearer })).status).toBe(204);
    await expectProblem(await client('GET', `/roles/${name}`, { bearer }), 404, 'not_found');
    await expectProblem(await client('DELETE', `/roles/${name}`, { bearer }), 404, 'not_found');
    const events =
      await sql`select type, actor_id, details from audit_events where details->>'role' = ${name} order by id`;
    expect(events.map(({ type }) => type)).toEqual(['role.created', 'role.changed', 'role.deleted']);
    expect(events[1]).toMatchObject({
      actor_id: user.id,
      details: { permissions: ['users:read'], permissions_before: ['audit:read', 'users:read'] },
    });
  });

  // Proves RFC 9110, 13.1.2.
  it('If-Match and If-None-Match refuse a write to a role that has changed', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const name = newName();
    await expectProblem(await put(bearer, name, [], { 'If-Match': '*' }), 412, 'precondition_failed');
    await expectProblem(await put(bearer, name, [], { 'If-Match': '"1"' }), 412, 'precondition_failed');
    const made = await put(bearer, name, [], { 'If-None-Match': '*' });
    const tag = made.headers.get('ETag') ?? '';
    await expectProblem(await put(bearer, name, [], { 'If-None-Match': '*' }), 412, 'precondition_failed');
    const changed = await put(bearer, name, ['users:read'], { 'If-Match': tag });
    expect(changed.status).toBe(200);
    await expectProblem(await put(bearer, name, [], { 'If-Match': tag }), 412, 'precondition_failed');
    // A weak tag never matches, and If-None-Match takes only *.
    const weak = `W/${changed.headers.get('ETag')}`;
    await expectProblem(await put(bearer, name, [], { 'If-Match': weak }), 412, 'precondition_failed');
    await expectProblem(await put(bearer, name, [], { 'If-None-Match': tag }), 422, 'validation_failed');
    const gone = (ifMatch: string) =>
      client('DELETE', `/roles/${name}`, { bearer, headers: { 'If-Match': ifMatch } });
    await expectProblem(await gone(tag), 412, 'precondition_failed');
    expect((await gone(changed.headers.get('ETag') ?? '')).status).toBe(204);
  });

  it('a role in capitals is the role itself, so no second one looks like it', async () => {
    const { access_token: bearer } = await newAdmin(client);
    await expectProblem(await put(bearer, 'Admin', []), 409, 'conflict');
    const name = newName();
    expect((await put(bearer, name.toUpperCase(), [])).status).toBe(201);
    expect((await put(bearer, name, [])).status).toBe(200);
    const { items } = await (
      await client('GET', `/roles?cursor=${name.slice(0, -1).toUpperCase()}`, { bearer })
    ).json<{ items: { name: string }[] }>();
    expect(items.filter((role) => role.name.toLowerCase() === name)).toHaveLength(1);
    const given = await client('POST', '/users', {
      bearer,
      json: { email: newEmail(), password, roles: [name.toUpperCase(), name, 'User'] },
    });
    expect(given.status).toBe(201);
    expect((await given.json<{ roles: string[] }>()).roles.toSorted()).toEqual([name, 'user'].toSorted());
  });

  it('a role with an invalid name or an unknown permission is refused', async () => {
    const { access_token: bearer } = await newAdmin(client);
    for (const name of ['a b', '7up', 'x'.repeat(65), '%00', 'ä']) {
      await expectProblem(await put(bearer, encodeURI(name), []), 422, 'validation_failed');
    }
    for (const permissions of [['users:delete'], ['*'], 'users:read', [null], undefined]) {
      const response = await client('PUT', `/roles/${newName()}`, { bearer, json: { permissions } });
      await expectProblem(response, 422, 'validation_failed');
    }
  });

  it('built-in roles cannot be deleted, and the role `admin` cannot be changed', async () => {
    const { access_token: bearer } = await newAdmin(client);
    for (const name of ['user', 'admin']) {
      await expectProblem(await client('DELETE', `/roles/${name}`, { bearer }), 409, 'conflict');
    }
    await expectProblem(await put(bearer, 'admin', ['users:read']), 409, 'conflict');
  });

  it('a role that an account has cannot be deleted', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const name = await newRole('users:read');
    await newAccountWith(client, name);
    await expectProblem(await client('DELETE', `/roles/${name}`, { bearer }), 409, 'conflict');
  });

  it('an actor can neither add nor remove a permission that the actor does not have', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'roles:write', 'users:read');
    const name = newName();
    await expectProblem(await put(bearer, name, ['users:read', 'audit:read']), 403, 'forbidden');
    expect((await put(bearer, name, ['users:read'])).status).toBe(201);
    await expectProblem(await put(bearer, name, ['users:read', 'users:write']), 403, 'forbidden');
    const wider = await newRole('audit:read');
    await expectProblem(await put(bearer, wider, []), 403, 'forbidden');
    await expectProblem(await client('DELETE', `/roles/${wider}`, { bearer }), 403, 'forbidden');
    await expectProblem(await put(bearer, 'user', ['audit:read']), 403, 'forbidden');
  });

  it('an actor cannot reduce a role of their own, and an unchanged role keeps its ETag without an event', async () => {
    const { access_token: bearer, user } = await newAccountAllowed(
      client,
      'roles:write',
      'users:write',
      'users:read',
    );
    const [role = ''] = user.roles.filter((name) => name !== 'user');
    await expectProblem(await put(bearer, role, []), 409, 'conflict');
    const same = await put(bearer, role, ['users:read', 'users:write', 'roles:write']);
    expect(same.status).toBe(200);
    const again = await put(bearer, role, ['roles:write', 'users:read', 'users:write']);
    expect(again.headers.get('ETag')).toBe(same.headers.get('ETag'));
    const events = await sql`select type from audit_events where details->>'role' = ${role}`;
    expect(events).toEqual([]);
  });

  it('the role of every sign-up takes no administrative permission, even from an administrator', async () => {
    const { access_token: bearer } = await newAdmin(client);
    for (const permission of permissionNames)
      await expectProblem(await put(bearer, 'user', [permission]), 409, 'conflict');
    const { access_token: writer } = await newAccountAllowed(client, 'roles:write');
    await expectProblem(await put(writer, 'user', ['roles:write']), 409, 'conflict');
    expect((await put(bearer, 'user', [])).status).toBe(200);
  });

  it('changing a role that accounts have needs users:write and every permission of those accounts', async () => {
    const { access_token: rolesOnly } = await newAccountAllowed(client, 'roles:write', 'audit:read');
    const both = ['roles:write', 'users:write', 'audit:read'] as const;
    const { access_token: manager } = await newAccountAllowed(client, ...both);
    const name = await newRole();
    const { access_token: holder } = await newAccountWith(client, name);
    expect(await expectProblem(await put(rolesOnly, name, ['audit:read']), 403, 'forbidden')).toContain(
      'users:write',
    );
    await expectProblem(await client('GET', '/audit', { bearer: holder }), 403, 'forbidden');
    expect((await put(manager, name, ['audit:read'])).status).toBe(200);
    expect((await client('GET', '/audit', { bearer: holder })).status).toBe(200);
    const [grown] = await sql`select details from audit_events where details->>'role' = ${name}`;
    expect(grown?.details).toMatchObject({ holders: 1 });
    expect((await put(rolesOnly, name, [])).status).toBe(403);
    expect((await put(manager, name, [])).status).toBe(200);

    await newAccountWith(client, name, 'admin');
    await expectProblem(await put(manager, name, ['audit:read']), 403, 'forbidden');
  });

  it('an actor can remove a permission that they have from a role that more powerful accounts have', async () => {
    const { access_token: manager } = await newAccountAllowed(client, 'roles:write', 'users:write');
    const name = await newRole('roles:write', 'audit:read');
    await newAccountWith(client, name, 'admin');
    const taken = await put(manager, name, ['audit:read']);
    expect(await taken.json()).toMatchObject({ permissions: ['audit:read'] });
    await expectProblem(await put(manager, name, []), 403, 'forbidden');
  });

  it('an actor can remove a permission from their own role if another of their roles gives it', async () => {
    const name = await newRole('roles:write');
    const { access_token: bearer } = await newAccountWith(client, name, 'admin');
    expect((await put(bearer, name, [])).status).toBe(200);
    expect((await client('GET', '/roles', { bearer })).status).toBe(200);
  });

  // Proves ASVS 8.3.2.
  it('a change of a role takes effect on the next request with an old access token', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const name = await newRole('users:read');
    const { access_token: demoted } = await newAccountWith(client, name);
    expect((await client('GET', '/users', { bearer: demoted })).status).toBe(200);
    expect((await put(bearer, name, [])).status).toBe(200);
    await expectProblem(await client('GET', '/users', { bearer: demoted }), 403, 'forbidden');
    expect((await put(bearer, name, ['users:read'])).status).toBe(200);
    expect((await client('GET', '/users', { bearer: demoted })).status).toBe(200);
  });
});

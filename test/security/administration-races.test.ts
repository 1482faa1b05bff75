import { describe, expect, it } from 'vitest';
import { newAccountAllowed, newAccountWith, newAdmin, newRole } from '../support/worker/administrators.ts';
import { createClient, newAccount } from '../support/worker/client.ts';
import { raceRounds, sql } from '../support/worker/database.ts';

const client = createClient({ RATE_LIMIT_MAX: '10000' });
const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

describe('administrators who act at the same time', () => {
  it('100 edits with the same If-Match: one succeeds and 99 answer 412', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const tag = (await client('GET', `/users/${user.id}`, { bearer })).headers.get('ETag') ?? '';
    const responses = await times(100, (index) =>
      client('PATCH', `/users/${user.id}`, {
        bearer,
        json: { username: `u${index}-${user.id.slice(-8)}` },
        headers: { 'If-Match': tag },
      }),
    );
    const statuses = responses.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(99);
    const [event] =
      await sql`select count(*)::int as count from audit_events where subject_id = ${user.id} and type = 'account.changed'`;
    expect(event?.count).toBe(1);
  });

  it('100 edits of the roles of one account: each answer has the roles of its own request', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const sets = [['user'], ['user', await newRole('users:read')], [await newRole('roles:read')], []].map(
      (set) => set.toSorted(),
    );
    const responses = await times(100, (index) =>
      client('PATCH', `/users/${user.id}`, { bearer, json: { roles: sets[index % sets.length] } }),
    );
    for (const [index, response] of responses.entries()) {
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ roles: sets[index % sets.length] });
    }
    const now = await client('GET', `/users/${user.id}`, { bearer });
    expect(sets).toContainEqual((await now.json<{ roles: string[] }>()).roles);
  });

  it('edits of different members of one account all take effect', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const { user } = await newAccount(client);
    const role = await newRole('users:read');
    const edits = [
      { must_change_password: true },
      { roles: [role] },
      { username: `v-${user.id.slice(-12)}` },
    ];
    await Promise.all(edits.map((json) => client('PATCH', `/users/${user.id}`, { bearer, json })));
    const now = await client('GET', `/users/${user.id}`, { bearer });
    expect(await now.json()).toMatchObject({
      must_change_password: true,
      roles: [role],
      username: `v-${user.id.slice(-12)}`,
    });
  });

  it('100 creations of one role: one succeeds, and of 50 changes from one version one succeeds', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const path = `/roles/r${crypto.randomUUID().slice(0, 8)}`;
    const put = (permissions: string[], headers: Record<string, string>) =>
      client('PUT', path, { bearer, json: { permissions }, headers });
    const made = await times(100, () => put([], { 'If-None-Match': '*' }));
    expect(made.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(made.filter(({ status }) => status === 412)).toHaveLength(99);
    const tag = made.find(({ status }) => status === 201)?.headers.get('ETag') ?? '';
    const changed = await times(50, () => put(['users:read'], { 'If-Match': tag }));
    expect(changed.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it('a role that is deleted at the same moment is not given to an account', async () => {
    const { access_token: bearer } = await newAdmin(client);
    for (let round = 0; round < raceRounds(10); round++) {
      const { user } = await newAccount(client);
      const role = await newRole('users:read');
      const [given, deleted] = await Promise.all([
        client('PATCH', `/users/${user.id}`, { bearer, json: { roles: [role] } }),
        client('DELETE', `/roles/${role}`, { bearer }),
      ]);
      expect([
        [200, 409],
        [422, 204],
      ]).toContainEqual([given.status, deleted.status]);
    }
  });

  it('edits that waited for the demotion of their actor are refused', async () => {
    const admin = await newAdmin(client);
    const manager = await newAccountAllowed(client, 'users:write');
    const { user } = await newAccount(client);
    const edits = times(30, () =>
      client('PATCH', `/users/${user.id}`, {
        bearer: manager.access_token,
        json: { must_change_password: true },
      }),
    );
    const demotion = client('PATCH', `/users/${manager.user.id}`, {
      bearer: admin.access_token,
      json: { roles: ['user'] },
    });
    expect((await demotion).status).toBe(200);
    await edits;
    const rows = await sql`
      select xmin::text::bigint as transaction, actor_id, subject_id from audit_events
      where type = 'account.changed' and (subject_id = ${manager.user.id} or actor_id = ${manager.user.id})`;
    const demoted = rows.find(({ subject_id }) => subject_id === manager.user.id);
    for (const { actor_id, transaction } of rows) {
      if (actor_id === manager.user.id)
        expect(Number(transaction)).toBeLessThan(Number(demoted?.transaction));
    }
    const next = await client('PATCH', `/users/${user.id}`, {
      bearer: manager.access_token,
      json: { must_change_password: false },
    });
    expect(next.status).toBe(403);
  });

  it('a reader never sees an account with half of its roles while they are replaced', async () => {
    const { access_token: bearer } = await newAdmin(client);
    const [a, b] = [await newRole('users:read'), await newRole('roles:read')];
    const { user } = await newAccountWith(client, a);
    const sets = [['user', a].toSorted(), [b]];
    let writing = true;
    const seen = new Set<string>();
    const reader = async () => {
      while (writing) {
        const response = await client('GET', `/users/${user.id}`, { bearer });
        seen.add(JSON.stringify((await response.json<{ roles: string[] }>()).roles));
      }
    };
    const readers = [reader(), reader()];
    for (let index = 0; index < 20; index++) {
      await client('PATCH', `/users/${user.id}`, { bearer, json: { roles: sets[(index + 1) % 2] } });
    }
    writing = false;
    await Promise.all(readers);
    for (const roles of seen) expect(sets.map((set) => JSON.stringify(set))).toContain(roles);
  });
});

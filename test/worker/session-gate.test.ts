import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { SessionGate } from '../../src/sessions/session-gate-object.ts';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newEmail, type Tokens } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import {
  asAdmin,
  client,
  endings,
  me,
  moves,
  type Owner,
  quiet,
  warm,
} from '../support/worker/session-ends.ts';

const { SESSION_GATE: gates } = env as { SESSION_GATE: DurableObjectNamespace<SessionGate> };

type Me = {
  id: string;
  email: string;
  username: string | null;
  roles: string[];
  must_change_password: boolean;
};

const read = async (bearer: string) => (await me(bearer)).json<Me>();

/** Each change of what `/auth/me` shows, and what it shows then. */
const changes: Readonly<Record<string, (owner: Owner) => Promise<Partial<Me> & Record<string, unknown>>>> = {
  'a new user name': async ({ bearer }) => {
    const username = `name${crypto.randomUUID().slice(0, 8)}`;
    await client('PATCH', '/users/me', { bearer, json: { username } });
    return { username };
  },
  'a new address': async ({ bearer }) => {
    const email = newEmail();
    expect(await moves.move(bearer, email)).toBe(204);
    return { email };
  },
  'other roles': async ({ id }) => {
    await asAdmin('PATCH', `/users/${id}`, { roles: ['admin', 'user'] });
    return { roles: ['admin', 'user'] };
  },
  'a password that an administrator wants changed': async ({ id }) => {
    await asAdmin('PATCH', `/users/${id}`, { must_change_password: true });
    return { must_change_password: true };
  },
};

describe('a session gate that knows a session', () => {
  it('answers as the database does, without asking it', async () => {
    const { bearer } = await moves.newOwner();
    const first = await read(bearer);
    expect(await countRoundTrips(async () => expect(await read(bearer)).toEqual(first))).toBe(0);
  });

  it.each(Object.keys(endings))('tells nothing of it after %s', async (way) => {
    const owner = await moves.newOwner();
    await warm(owner.bearer);
    await endings[way]?.(owner);
    const response = await me(owner.bearer);
    expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([
      401,
      'session_revoked',
    ]);
  });

  it.each(Object.keys(changes))('shows %s at once', async (change) => {
    const owner = await moves.newOwner();
    await warm(owner.bearer);
    const expected = await changes[change]?.(owner);
    expect(await read(owner.bearer)).toMatchObject(expected ?? {});
  });

  it('shows at once that an address is proved', async () => {
    const email = newEmail();
    const { access_token: bearer } = await (await moves.signUp(email)).json<Tokens>();
    await warm(bearer);
    expect(await moves.verify(email)).toBe(204);
    expect(await read(bearer)).toMatchObject({ email, email_verified: true });
  });

  it('leaves the sessions of others as they are', async () => {
    const [ended, other] = [await moves.newOwner(), await moves.newOwner()];
    await warm(ended.bearer);
    await warm(other.bearer);
    await endings['a logout']?.(ended);
    expect(await countRoundTrips(() => me(other.bearer))).toBe(0);
  });

  it('knows nothing after it was evicted', async () => {
    const { id, bearer } = await moves.newOwner();
    await warm(bearer);
    await evictDurableObject(gates.getByName(id));
    expect(await countRoundTrips(() => me(bearer))).toBe(1);
  });

  it('decides nothing that is written: that is the database', async () => {
    const { id, bearer } = await moves.newOwner();
    await warm(bearer);
    await sql`update sessions set revoked_at = now() where user_id = ${id}`;
    expect((await me(bearer)).status, 'SQL by hand counts within the bound').toBe(200);
    const renamed = await client('PATCH', '/users/me', { bearer, json: { username: null } });
    expect(renamed.status).toBe(401);
  });

  it('shows a role that was edited within the bound, while the database allows by it at once', async () => {
    const { id, bearer } = await moves.newOwner();
    const role = `role-${crypto.randomUUID().slice(0, 8)}`;
    await asAdmin('PUT', `/roles/${role}`, { permissions: ['users:read'] });
    await asAdmin('PATCH', `/users/${id}`, { roles: [role, 'user'] });
    await warm(bearer);
    expect((await client('GET', '/users', { bearer })).status).toBe(200);
    await asAdmin('PUT', `/roles/${role}`, { permissions: [] });
    expect((await client('GET', '/users', { bearer })).status).toBe(403);
  });
});

describe('a session gate that fails', () => {
  const failing = () => Promise.reject(new Error('unreachable'));
  const brokenBy = (methods: object) => {
    const getByName = (name: string) => {
      const stub = gates.getByName(name);
      return {
        hit: (...args: Parameters<SessionGate['hit']>) => stub.hit(...args),
        fill: (...args: Parameters<SessionGate['fill']>) => stub.fill(...args),
        forget: () => stub.forget(),
        ...methods,
      };
    };
    return { ...quiet, SESSION_GATE: { getByName } as never };
  };

  it('leaves the question to the database when it cannot be reached', async () => {
    const { bearer } = await moves.newOwner();
    await warm(bearer);
    const broken = createClient(brokenBy({ hit: failing }));
    expect(await countRoundTrips(async () => expect((await me(bearer, broken)).status).toBe(200))).toBe(1);
    await client('POST', '/auth/logout', { bearer });
    expect((await me(bearer, broken)).status).toBe(401);
  });

  it('fails no answer when it cannot be filled', async () => {
    const { bearer } = await moves.newOwner();
    expect((await me(bearer, createClient(brokenBy({ fill: failing })))).status).toBe(200);
  });

  it('fails no change when it cannot be told, and logs that', async () => {
    const { bearer } = await moves.newOwner();
    await warm(bearer);
    const lines = vi.spyOn(console, 'log').mockImplementation(() => {});
    try {
      const broken = createClient(brokenBy({ forget: failing }));
      expect((await broken('POST', '/auth/logout', { bearer })).status).toBe(204);
      expect(lines.mock.calls.flat().join('\n')).toContain('a session gate could not be told of a change');
    } finally {
      lines.mockRestore();
    }
    expect((await client('POST', '/auth/refresh', { bearer })).status).toBe(401);
  });

  it('is told by a second request, where the first one could not', async () => {
    const untold = createClient(brokenBy({ forget: failing }));
    const { id, email, bearer } = await moves.newOwner();
    await warm(bearer);
    await untold('POST', '/auth/logout', { bearer });
    await client('POST', '/auth/logout', { bearer });
    expect((await me(bearer)).status).toBe(401);

    const { access_token: second } = (await moves.login(email)) ?? { access_token: '' };
    await warm(second);
    const { access_token: admin } = await newAdmin(client);
    const disable = { bearer: admin, json: { disabled: true } };
    await untold('PATCH', `/users/${id}`, disable);
    await client('PATCH', `/users/${id}`, disable);
    expect((await me(second)).status).toBe(401);
  });

  it('is not waited for longer than two seconds', async () => {
    const { bearer } = await moves.newOwner();
    const stuck = createClient(brokenBy({ forget: () => new Promise(() => {}) }));
    expect((await stuck('POST', '/auth/logout', { bearer })).status).toBe(204);
  });
});

describe('SESSION_CACHE_SECONDS', () => {
  it('of 0 turns the memory of the gate off', async () => {
    const { bearer } = await moves.newOwner();
    const off = createClient({ ...quiet, SESSION_CACHE_SECONDS: '0' });
    await me(bearer, off);
    expect(await countRoundTrips(() => me(bearer, off))).toBe(1);
  });

  it('is how long the gate tells what it has read', async () => {
    const { id, bearer } = await moves.newOwner();
    const second = createClient({ ...quiet, SESSION_CACHE_SECONDS: '1' });
    await me(bearer, second);
    await sql`update sessions set revoked_at = now() where user_id = ${id}`;
    await vi.waitFor(async () => expect((await me(bearer, second)).status).toBe(401), { timeout: 3_000 });
  });
});

import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { SessionGate } from '../../src/sessions/session-gate-object.ts';
import { newAdmin } from '../support/worker/administrators.ts';
import {
  type Client,
  createClient,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { countRoundTrips, raceRounds, raceSize, sql } from '../support/worker/database.ts';
import { createMoves, lenient, nextPassword } from '../support/worker/moves.ts';

const { SESSION_GATE: gates } = env as { SESSION_GATE: DurableObjectNamespace<SessionGate> };
// What delivers mails meanwhile would be counted too.
const quiet = { ...lenient, MAIL_QUEUE: silentQueue };
const client = createClient(quiet);
const moves = createMoves(client);

type Me = {
  id: string;
  email: string;
  username: string | null;
  roles: string[];
  must_change_password: boolean;
};
type Owner = Awaited<ReturnType<typeof moves.newOwner>>;

const me = (bearer: string, from: Client = client) => from('GET', '/auth/me', { bearer });
const read = async (bearer: string) => (await me(bearer)).json<Me>();
/** The gate knows the session after this. */
const warm = async (bearer: string): Promise<void> => {
  await me(bearer);
  expect(await countRoundTrips(() => me(bearer)), 'the gate knows the session').toBe(0);
};
const asAdmin = async (method: string, path: string, json?: object): Promise<void> => {
  const { access_token: bearer } = await newAdmin(client);
  const response = await client(method, path, { bearer, ...(json && { json }) });
  expect(response.status, await response.text()).toBeLessThan(300);
};
const loginAgain = async (email: string): Promise<Tokens> => {
  const tokens = await moves.login(email);
  if (!tokens) throw new Error('the login was refused');
  return tokens;
};

/** Each way in which a session ends, by the API. It is told to have ended before the request of the way is answered. */
const endings: Readonly<Record<string, (owner: Owner) => Promise<unknown>>> = {
  'a logout': ({ bearer }) => client('POST', '/auth/logout', { bearer }),
  'a logout by its refresh token': ({ refresh_token }) =>
    client('POST', '/auth/logout', { cookies: { itsor_session_refresh: refresh_token } }),
  'a logout everywhere by another session': async ({ email }) => {
    const { access_token: bearer } = await loginAgain(email);
    await client('POST', '/auth/logout', { bearer, json: { scope: 'global' } });
  },
  'a logout of the others': async ({ email }) => {
    const { access_token: bearer } = await loginAgain(email);
    await client('POST', '/auth/logout', { bearer, json: { scope: 'others' } });
  },
  'its end from the list of sessions': async ({ bearer, email }) => {
    const list = await client('GET', '/auth/sessions', { bearer });
    const { items } = await list.json<{ items: { id: string; current: boolean }[] }>();
    const { access_token: other } = await loginAgain(email);
    const id = items.find(({ current }) => current)?.id;
    expect((await client('DELETE', `/auth/sessions/${id}`, { bearer: other })).status).toBe(204);
  },
  'a revocation (RFC 7009)': ({ refresh_token }) =>
    client('POST', '/auth/revoke', { form: { token: refresh_token } }),
  'a refresh token that is used twice': async ({ refresh_token }) => {
    const refresh = async (token: string) =>
      (await client('POST', '/auth/refresh', { json: { refresh_token: token } })).json<Tokens>();
    const { refresh_token: second = '' } = await refresh(refresh_token);
    await refresh(second);
    await refresh(refresh_token);
  },
  'a login beyond the limit of sessions': async ({ email }) => {
    const one = createClient({ ...quiet, SESSION_MAX_PER_ACCOUNT: '1' });
    await one('POST', '/auth/token', { json: { email, password } });
  },
  'a change of the password': ({ bearer }) =>
    client('POST', '/auth/password', {
      bearer,
      json: { current_password: password, new_password: nextPassword },
    }),
  'a reset of the password': async ({ email }) => {
    expect(await moves.reset(await moves.forgot(email))).toBe(204);
  },
  'the undo of a change of address': async ({ bearer, email }) => {
    expect(await moves.move(bearer, newEmail())).toBe(204);
    await warm(bearer);
    expect(await moves.restore(await moves.undoLink(email))).toBe(204);
  },
  'the deletion of the account': ({ bearer }) =>
    client('DELETE', '/users/me', { bearer, json: { password } }),
  'an administrator who ends the sessions': ({ id }) => asAdmin('DELETE', `/users/${id}/sessions`),
  'an administrator who disables the account': ({ id }) =>
    asAdmin('PATCH', `/users/${id}`, { disabled: true }),
  'an administrator who takes the password': ({ id }) => asAdmin('PATCH', `/users/${id}`, { password: null }),
  'an administrator who deletes the account': ({ id }) => asAdmin('DELETE', `/users/${id}`),
};

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

describe('the promise to whoever asks from everywhere', () => {
  const inParallel = raceSize(50);

  it.each(Object.keys(endings))(
    'no request that begins after the answer to %s succeeds',
    async (way) => {
      for (let round = 0; round < raceRounds(2); round++) {
        const owner = await moves.newOwner();
        await warm(owner.bearer);
        let answered = false;
        const late: number[] = [];
        const asking = Array.from({ length: inParallel }, async () => {
          for (let after = 0; after < 2; ) {
            const began = answered;
            const { status } = await me(owner.bearer);
            if (began) {
              after++;
              late.push(status);
            }
          }
        });
        await endings[way]?.(owner);
        answered = true;
        await Promise.all(asking);
        expect(late.filter((status) => status === 200)).toEqual([]);
      }
    },
    60_000,
  );
});

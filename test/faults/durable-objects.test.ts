import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';

const outage = 'the object is overloaded';
const failing = async (): Promise<never> => {
  throw new Error(outage);
};
/** A namespace whose objects have these methods. */
const objectsWith = (methods: Record<string, (...args: unknown[]) => Promise<unknown>>) =>
  ({ getByName: () => methods }) as never;

const well = createClient();
let logged: MockInstance<typeof console.log>;
const logLines = () => logged.mock.calls.map(([line]) => JSON.parse(String(line)));
beforeEach(() => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

describe('a rate limiter that throws', () => {
  const broken = objectsWith({ hit: failing });
  const client = createClient({ RATE_LIMITER: broken, SESSION_GATE: broken, RATE_LIMIT_MAX: '1' });

  it('lets requests pass, without a limit that it could not know, and is logged', async () => {
    const { access_token: bearer } = await newAccount(well);
    for (let hit = 0; hit < 3; hit++) {
      const response = await client('GET', '/auth/me', { bearer, headers: { 'X-Request-ID': `hit-${hit}` } });
      expect(response.status).toBe(200);
      expect(response.headers.get('RateLimit')).toBeNull();
    }
    expect((await client('POST', '/auth/signup', { json: { email: newEmail(), password } })).status).toBe(
      201,
    );
    for (let hit = 0; hit < 3; hit++) {
      expect(logLines()).toContainEqual(
        expect.objectContaining({
          level: 'error',
          message: 'the rate limiter cannot be reached',
          request_id: `hit-${hit}`,
          error: expect.objectContaining({ message: outage }),
        }),
      );
    }
  });

  it('keeps the rules that are not its own', async () => {
    expect((await client('GET', '/auth/me')).status).toBe(401);
    expect((await client('GET', '/nothing')).status).toBe(404);
    const foreign = { headers: { Origin: 'https://evil.example' } };
    expect((await client('POST', '/auth/logout', foreign)).status).toBe(403);
  });

  it('is what /readyz tells', async () => {
    const response = await client('GET', '/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ checks: { durable_objects: 'failing', database: 'ok' } });
  });
});

describe('a login guard that throws', () => {
  const client = createClient({ LOGIN_GUARD: objectsWith({ reserve: failing, settle: failing }) });
  const sessionsOf = async (userId: string) => {
    const [row] = await sql`select count(*)::int as count from sessions where user_id = ${userId}`;
    return row?.count as number;
  };

  it.each(['json', 'form'] as const)('makes a login by %s 503, for the right password too', async (kind) => {
    const { user } = await newAccount(well);
    const before = await sessionsOf(user.id);
    for (const guess of [password, 'a wrong password']) {
      const member = { username: user.email, password: guess };
      const body = kind === 'json' ? { json: member } : { form: { ...member, grant_type: 'password' } };
      const response = await client('POST', '/auth/token', body);
      expect(response.status).toBe(503);
      expect(response.headers.get('Retry-After')).toBe('1');
      expect(response.headers.getSetCookie()).toEqual([]);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ code: 'service_unavailable' });
      expect(text).not.toContain(outage);
    }
    expect(await sessionsOf(user.id)).toBe(before);
    expect(logLines()).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'service_unavailable' }),
    );
  });

  it('leaves alone who checks no password', async () => {
    const { access_token: bearer, refresh_token } = await newAccount(well);
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(200);
    expect((await client('POST', '/auth/refresh', { json: { refresh_token } })).status).toBe(200);
    expect((await client('POST', '/auth/logout', { bearer })).status).toBe(204);
  });

  it('only where the outcome is told does not undo a login, and is logged', async () => {
    const reserve = async () => ({ admitted: true, ticket: 'ticket' });
    const forgetful = createClient({ LOGIN_GUARD: objectsWith({ reserve, settle: failing }) });
    const { user } = await newAccount(well);
    const login = await forgetful('POST', '/auth/token', { json: { email: user.email, password } });
    expect(login.status).toBe(200);
    expect(logLines()).toContainEqual(
      expect.objectContaining({ message: 'deferred: settle the login attempt' }),
    );
  });
});

describe('a login guard that answers too late', () => {
  it('is 504 within the time of a request, and the attempt that it reserved is withdrawn', async () => {
    const outcomes: unknown[] = [];
    const client = createClient({
      LOGIN_GUARD: objectsWith({
        reserve: async () => {
          await scheduler.wait(600);
          return { admitted: true, ticket: 'ticket' };
        },
        settle: async (_attempt, _ticket, outcome) => outcomes.push(outcome),
      }),
      REQUEST_TIMEOUT_MS: '200',
    });
    const response = await client('POST', '/auth/token', { json: { email: newEmail(), password } });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: 'timeout' });
    expect(outcomes).toEqual(['withdrawn']);
  });
});

import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { createClient, newAccount, password, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { asForm, asJson, bytes } from '../support/worker/raw-bodies.ts';

const client = createClient();
const nextPassword = 'a wholly different phrase 42';

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A body in two pieces; the second one arrives after the given seconds. */
const dribbled = (text: string, seconds: number) => {
  const pieces = [bytes(text.slice(0, 5)), bytes(text.slice(5))];
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = pieces[sent];
      if (!piece) return controller.close();
      if (sent === 1) later(seconds);
      sent += 1;
      controller.enqueue(piece);
    },
  });
};
const slowly = (
  method: string,
  path: string,
  json: object,
  seconds: number,
  { bearer, by = client }: { bearer?: string; by?: typeof client } = {},
) =>
  by(method, path, {
    body: dribbled(JSON.stringify(json), seconds),
    headers: asJson,
    ...(bearer && { bearer }),
  });

describe('a body that arrives slowly', () => {
  it('does not stretch the grace of a refresh token', async () => {
    const account = await newAccount(client);
    const { refresh_token } = account;
    const first = await client('POST', '/auth/refresh', { json: { refresh_token } });
    const successor = await first.json<Required<Tokens>>();
    later(9);
    expect((await client('POST', '/auth/refresh', { json: { refresh_token } })).status).toBe(200);
    await expectProblem(
      await slowly('POST', '/auth/refresh', { refresh_token }, 7),
      401,
      'refresh_token_reused',
    );
    await expectProblem(
      await client('GET', '/auth/me', { bearer: successor.access_token }),
      401,
      'session_revoked',
    );
  });

  it('does not stretch the grace as a form of the token endpoint either', async () => {
    const { refresh_token } = await newAccount(client);
    expect((await client('POST', '/auth/refresh', { json: { refresh_token } })).status).toBe(200);
    later(9);
    const form = `grant_type=refresh_token&refresh_token=${refresh_token}`;
    const reused = await client('POST', '/auth/token', { body: dribbled(form, 7), headers: asForm });
    expect(await reused.json()).toMatchObject({ code: 'refresh_token_reused' });
  });

  it('does not stretch the life of a refresh token', async () => {
    const { refresh_token } = await newAccount(client);
    later(7 * 86_400 - 5);
    await expectProblem(
      await slowly('POST', '/auth/refresh', { refresh_token }, 7),
      401,
      'refresh_token_invalid',
    );
  });

  it('does not stretch the life of a reset token', async () => {
    const { user } = await newAccount(client);
    await client('POST', '/auth/password/forgot', { json: { email: user.email } });
    const token = await tokenIn(user.email, 'reset_password', 'reset_password');
    later(30 * 60 - 5);
    const body = { token, password: nextPassword };
    await expectProblem(await slowly('POST', '/auth/password/reset', body, 7), 400, 'token_invalid');
  });

  it('does not stretch the life of an access token', async () => {
    const short = createClient({ JWT_ACCESS_MINUTES: '1' });
    const { access_token: bearer } = await newAccount(short);
    later(85); // of 60, and 30 of leeway
    const username = `n${crypto.randomUUID().slice(0, 8)}`;
    const renaming = await slowly('PATCH', '/users/me', { username }, 7, { bearer, by: short });
    await expectProblem(renaming, 401, 'token_expired');
    expect(await sql`select from users where username = ${username}`).toEqual([]);
  });
});

describe('a wait for another service', () => {
  it('does not stretch the life of a reset token', async () => {
    const careful = createClient({ PWNED_PASSWORDS: 'true' });
    const { user } = await newAccount(client);
    await client('POST', '/auth/password/forgot', { json: { email: user.email } });
    const token = await tokenIn(user.email, 'reset_password', 'reset_password');
    later(30 * 60 - 5);
    const fetch = globalThis.fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
      if (!String(target instanceof Request ? target.url : target).includes('pwnedpasswords')) {
        return fetch(target, init);
      }
      later(7);
      return new Response('');
    });
    const reset = await careful('POST', '/auth/password/reset', { json: { token, password: nextPassword } });
    await expectProblem(reset, 400, 'token_invalid');
  });

  it('does not date a session before its opening', async () => {
    const { user } = await newAccount(client);
    const guard = (env as unknown as Bindings).LOGIN_GUARD;
    const waiting = createClient({
      LOGIN_GUARD: {
        getByName: (name: string) => {
          const stub = guard.getByName(name);
          return {
            reserve: async (...args: Parameters<typeof stub.reserve>) => {
              later(8);
              return stub.reserve(...args);
            },
            settle: (...args: Parameters<typeof stub.settle>) => stub.settle(...args),
          };
        },
      } as never,
    });
    const arrivedMs = Date.now();
    const login = await waiting('POST', '/auth/token', { json: { email: user.email, password } });
    expect(login.status).toBe(200);
    const [newest] = await sql`select created_at, expires_at from sessions where user_id = ${user.id}
                               order by id desc limit 1`;
    const openedMs = arrivedMs + 8_000;
    expect(new Date(newest?.created_at).getTime()).toBeGreaterThanOrEqual(openedMs);
    expect(new Date(newest?.expires_at).getTime()).toBeGreaterThanOrEqual(openedMs + 7 * 86_400_000);
  });
});

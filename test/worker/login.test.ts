import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/login-guard/login-guard-object.ts';
import {
  type Client,
  cookiesOf,
  createClient,
  newAccount,
  newAddress,
  newEmail,
  password,
  type Tokens,
} from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { proveAddress, tokenIn } from '../support/worker/mail.ts';

const client = createClient();
/** One guess of an account from one network locks that network out of it. */
const strict = { LOGIN_BRUTE_MAX_ATTEMPTS: '1' };
const login = (json: Record<string, unknown>, by = client) => by('POST', '/auth/token', { json });
const grant = (form: Record<string, string>, by = client) => by('POST', '/auth/token', { form });

const signup = async (username?: string) => {
  const email = newEmail();
  await client('POST', '/auth/signup', { json: { email, password, ...(username && { username }) } });
  return email;
};

it('the answer to a form of OAuth 2 has no expires_at, which older clients read as a number', async () => {
  const email = await signup();
  const answers = [
    await grant({ grant_type: 'password', username: email, password, scope: 'offline_access' }),
    await login({ email, password, scope: 'offline_access' }),
  ];
  const [form, json] = await Promise.all(answers.map((response) => response.json<Tokens>()));
  expect(form).not.toHaveProperty('expires_at');
  expect(form).toMatchObject({ expires_in: 3600 });
  expect(json).toMatchObject({ expires_at: expect.stringMatching(/Z$/), expires_in: 3600 });
  const renewed = await grant({ grant_type: 'refresh_token', refresh_token: ` ${form?.refresh_token}\n` });
  expect(renewed.status).toBe(200);
  expect(await renewed.json()).not.toHaveProperty('expires_at');
});

describe('POST /auth/token with JSON', () => {
  it.each(['email', 'username', 'identifier'] as const)(
    // Proves ASVS 6.3.4.
    'takes an e-mail address as %s, in any case',
    async (member) => {
      const email = await signup();
      const response = await login({ [member]: email.toUpperCase(), password });
      expect(response.status).toBe(200);
      const body = await response.json<Tokens>();
      expect(body.user.email).toBe(email);
      expect(body).not.toHaveProperty('refresh_token');
      expect([...cookiesOf(response).keys()]).toEqual([
        'itsor_session',
        'itsor_session_refresh',
        'itsor_session_renew',
      ]);
    },
  );

  it('accepts a user name', async () => {
    const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
    const email = await signup(username);
    const response = await login({ username: username.toUpperCase(), password });
    expect((await response.json<Tokens>()).user.email).toBe(email);
  });

  it('puts the refresh token into the body only for offline_access', async () => {
    const email = await signup();
    const response = await login({ email, password, scope: 'openid offline_access' });
    expect(await response.json()).toMatchObject({
      scope: 'offline_access',
      refresh_token: expect.any(String),
    });
  });

  // Proves ASVS 6.2.8; ASVS 6.3.8.
  it('gives an unknown account, a wrong password and a wrong case of it the same answer', async () => {
    const email = await signup();
    const answers = await Promise.all(
      [
        { email: newEmail(), password },
        { email, password: 'not the password at all' },
        { email, password: password.toUpperCase() },
        { username: 'nobody-at-all', password },
      ].map(async (json) => {
        const response = await login(json);
        const { request_id: _, ...body } = await response.json<Record<string, unknown>>();
        return {
          status: response.status,
          challenge: response.headers.get('WWW-Authenticate'),
          cookies: response.headers.getSetCookie(),
          body,
        };
      }),
    );
    expect(answers[0]).toMatchObject({
      status: 401,
      challenge: 'Bearer',
      cookies: [],
      body: { code: 'invalid_credentials' },
    });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  // Proves ASVS 2.2.3.
  it('accepts exactly one of the three names of the account', async () => {
    for (const json of [{ password }, { email: newEmail(), username: 'ada', password }]) {
      const response = await login(json);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: '/identifier' }] });
    }
  });

  it('accepts a password in another Unicode form as the same password', async () => {
    const email = newEmail();
    await client('POST', '/auth/signup', {
      json: { email, password: 'caf\u00e9 au lait, s\u2019il vous pla\u00eet' },
    });
    const response = await login({ email, password: 'cafe\u0301 au lait, s\u2019il vous plai\u0302t' });
    expect(response.status).toBe(200);
  });

  // Proves ASVS 11.2.2.
  it('re-hashes a password that was hashed with other parameters, only after the response', async () => {
    const stronger = createClient({ ARGON2_MEMORY_KIB: '8192', ARGON2_ITERATIONS: '2' });
    const email = newEmail();
    await client('POST', '/auth/signup', { json: { email, password } });
    const kept = async () =>
      (await sql`select password_hash from users where email = ${email}`)[0]?.password_hash;
    expect(await kept()).toContain('m=7168,t=1,p=1');
    await login({ email, password: 'a wrong one' }, stronger);
    expect(await kept()).toContain('m=7168,t=1,p=1');
    expect((await login({ email, password }, stronger)).status).toBe(200);
    expect(await kept()).toContain('m=8192,t=2,p=1');
    expect((await login({ email, password }, stronger)).status).toBe(200);
  });
});

describe('POST /auth/token with a form (RFC 6749)', () => {
  // Proves RFC 6749, 4.3.
  it('serves the password grant, ignores unknown parameters, and sets cookies', async () => {
    const email = await signup();
    const response = await grant({
      grant_type: 'password',
      username: email,
      password,
      scope: 'offline_access',
      client_id: 'app',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(await response.json()).toMatchObject({
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: expect.any(String),
    });
    expect(response.headers.getSetCookie()).toHaveLength(3);
  });

  // Proves RFC 6749, 6.
  it('serves the refresh_token grant', async () => {
    const account = await newAccount(client);
    const response = await grant({ grant_type: 'refresh_token', refresh_token: account.refresh_token });
    expect(response.status).toBe(200);
    expect((await response.json<Tokens>()).refresh_token).not.toBe(account.refresh_token);
  });

  it.each([
    [
      'a wrong password',
      { grant_type: 'password', username: 'nobody@example.com', password: 'x' },
      'invalid_grant',
      'invalid_credentials',
    ],
    [
      'a made-up refresh token',
      { grant_type: 'refresh_token', refresh_token: 'x' },
      'invalid_grant',
      'refresh_token_invalid',
    ],
    [
      'another grant type',
      { grant_type: 'client_credentials' },
      'unsupported_grant_type',
      'validation_failed',
    ],
    [
      'no grant type',
      { username: 'nobody@example.com', password: 'x' },
      'invalid_request',
      'validation_failed',
    ],
    [
      'a missing parameter',
      { grant_type: 'password', username: 'nobody@example.com' },
      'invalid_request',
      'validation_failed',
    ],
    // Proves RFC 6749, 5.2.
  ])('answers %s with 400 and the word of the RFC', async (_, form, error, code) => {
    const response = await grant(form as Record<string, string>);
    expect(response.status).toBe(400);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 400,
      code,
      error,
      error_description: expect.any(String),
    });
  });

  // Proves ASVS 15.3.7; RFC 6749, 3.2.
  it('refuses a repeated parameter', async () => {
    const body = new URLSearchParams([
      ['grant_type', 'password'],
      ['username', 'a'],
      ['username', 'b'],
      ['password', 'x'],
    ]);
    const response = await client('POST', '/auth/token', {
      body: body.toString(),
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    expect(await response.json()).toMatchObject({ status: 400, error: 'invalid_request' });
  });
});

/** The guard, answering after the request has timed out. */
const slowly = (guard: typeof env.LOGIN_GUARD) =>
  ({
    getByName: (name: string) => {
      const object = guard.getByName(name);
      return {
        reserve: async (attempt: Attempt) => {
          await scheduler.wait(300);
          return object.reserve(attempt);
        },
        settle: (...outcome: Parameters<typeof object.settle>) => object.settle(...outcome),
      };
    },
  }) as never;

describe('the login guard', () => {
  // Proves ASVS 2.3.2.
  it('locks the pair of account and network at the fifth failure, and not the owner elsewhere', async () => {
    const email = await signup();
    const attacker = createClient();
    for (let i = 0; i < 5; i++) {
      expect((await login({ email, password: `wrong ${i}` }, attacker)).status).toBe(401);
    }
    const locked = await login({ email, password }, attacker);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('Retry-After'))).toBeGreaterThan(890);
    expect(await locked.json()).toMatchObject({ code: 'login_locked' });
    expect((await login({ email, password }, createClient())).status).toBe(200);
  });

  it('counts guesses at the e-mail address and at the user name of one account together', async () => {
    const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
    const email = await signup(username);
    const attacker = createClient();
    const names = [
      { email },
      { username },
      { username: username.toUpperCase() },
      { identifier: email },
      { username },
    ];
    for (const name of names) {
      expect((await login({ ...name, password: 'a wrong one' }, attacker)).status).toBe(401);
    }
    for (const name of [{ email }, { username }]) {
      expect((await login({ ...name, password }, attacker)).status).toBe(429);
    }
    expect((await login({ username, password }, createClient())).status).toBe(200);
  });

  it('counts an owner’s proofs of the password together with the logins', async () => {
    const username = `ada-${crypto.randomUUID().slice(0, 8)}`;
    const thief = createClient();
    const email = await signup(username);
    const { access_token: bearer } = await (await login({ email, password }, thief)).json<Tokens>();
    for (let turn = 0; turn < 3; turn++) await login({ username, password: 'a wrong one' }, thief);
    const prove = (guess: string) => thief('DELETE', '/users/me', { bearer, json: { password: guess } });
    for (let turn = 0; turn < 2; turn++) expect((await prove('a wrong one')).status).toBe(401);
    expect((await prove(password)).status).toBe(429);
  });

  it('lets the owner in from a network with earlier sessions while guesses from elsewhere lock the account', async () => {
    const home = createClient(strict);
    const email = newEmail();
    await home('POST', '/auth/signup', { json: { email, password } });
    const guessFrom = (by: Client) => login({ email, password: 'a wrong one' }, by);
    for (let turn = 0; turn < 10; turn++) {
      expect((await guessFrom(createClient(strict))).status).toBe(401);
    }
    expect((await login({ email, password }, createClient(strict))).status).toBe(429);
    expect((await login({ email, password }, home)).status).toBe(200);
    // Its own wrong guesses still lock it.
    expect((await guessFrom(home)).status).toBe(401);
    expect((await login({ email, password }, home)).status).toBe(429);
  });

  it('forgets the networks of sessions from before a reset of the password, even of sessions that had been logged out', async () => {
    const [home, thief] = [createClient(strict), createClient(strict)];
    const email = newEmail();
    await home('POST', '/auth/signup', { json: { email, password } });
    const { access_token: bearer } = await (await login({ email, password }, thief)).json<Tokens>();
    expect((await thief('POST', '/auth/logout', { bearer })).status).toBe(204);
    await home('POST', '/auth/password/forgot', { json: { email } });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const next = 'a wholly different phrase 42';
    expect((await home('POST', '/auth/password/reset', { json: { token, password: next } })).status).toBe(
      204,
    );
    expect((await login({ email, password: next }, home)).status).toBe(200);
    for (let turn = 0; turn < 10; turn++) {
      await login({ email, password: 'a wrong one' }, createClient(strict));
    }
    expect((await login({ email, password }, thief)).status).toBe(429);
    expect((await login({ email, password: next }, home)).status).toBe(200);
  });

  it.each<[string, (home: Client, email: string) => Promise<void>]>([
    [
      'a reset',
      async (home, email) => {
        await home('POST', '/auth/password/forgot', { json: { email } });
        const token = await tokenIn(email, 'reset_password', 'reset_password');
        const json = { token, password: 'a wholly different phrase 42' };
        expect((await home('POST', '/auth/password/reset', { json })).status).toBe(204);
      },
    ],
    [
      'an undo of a change of address',
      async (home, email) => {
        await proveAddress(email);
        const { access_token: bearer } = await (await login({ email, password }, home)).json<Tokens>();
        const next = newEmail();
        await home('POST', '/auth/email/change', { bearer, json: { password, email: next } });
        const moved = { token: await tokenIn(next, 'verify_new_email', 'change_email') };
        expect((await home('POST', '/auth/email/verify', { bearer, json: moved })).status).toBe(204);
        const undo = { token: await tokenIn(email, 'email_changed', 'restore_email') };
        expect((await home('POST', '/auth/email/restore', { json: undo })).status).toBe(204);
        const set = { ...undo, password: 'a wholly different phrase 42' };
        expect((await home('POST', '/auth/password/reset', { json: set })).status).toBe(204);
      },
    ],
  ])('lets the owner in after %s, however many guesses come before the first login', async (_, takeBack) => {
    const home = createClient(strict);
    const email = newEmail();
    await home('POST', '/auth/signup', { json: { email, password } });
    await takeBack(home, email);
    for (let turn = 0; turn < 10; turn++) {
      await login({ email, password: 'a wrong one' }, createClient(strict));
    }
    const next = { email, password: 'a wholly different phrase 42' };
    expect((await login(next, createClient(strict))).status).toBe(429);
    expect((await login(next, home)).status).toBe(200);
  });

  it('knows a network after a thousand logins from others', async () => {
    const home = createClient(strict);
    const { user } = await newAccount(home);
    await sql`insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, ip)
      select gen_random_uuid(), ${user.id}, now(), now(), now(), now(), '198.51.100.7' from generate_series(1, 1000)`;
    for (let turn = 0; turn < 10; turn++) {
      await login({ email: user.email, password: 'a wrong one' }, createClient(strict));
    }
    expect((await login({ email: user.email, password }, home)).status).toBe(200);
  });

  it('lets a live session prove its password from a new network while guesses from elsewhere lock the account', async () => {
    const { access_token: bearer, user } = await newAccount(createClient(strict));
    for (let turn = 0; turn < 10; turn++) {
      await login({ email: user.email, password: 'a wrong one' }, createClient(strict));
    }
    const cafe = createClient(strict);
    expect((await login({ email: user.email, password }, cafe)).status).toBe(429);
    expect((await cafe('DELETE', '/users/me', { bearer, json: { password } })).status).toBe(204);
  });

  it('tells nobody by its lock whether an address had an account before somebody signed it up', async () => {
    const required = createClient({ EMAIL_VERIFICATION: 'required' });
    const [waiting, unknown] = [newEmail(), newEmail()];
    await required('POST', '/auth/signup', { json: { email: waiting, password } });
    for (const email of [waiting, unknown]) {
      const attacker = createClient({ EMAIL_VERIFICATION: 'required' });
      for (let turn = 0; turn < 5; turn++) await login({ email, password: 'a wrong one' }, attacker);
      await attacker('POST', '/auth/signup', { json: { email, password } });
      expect((await login({ email, password: 'a wrong one' }, attacker)).status).toBe(429);
    }
  });

  it('answers 64 parallel logins of one account correctly', async () => {
    // Cheap hashes: what is shown is that the guard keeps order, not how fast the machine is.
    const by = createClient();
    const email = newEmail();
    await by('POST', '/auth/signup', { json: { email, password } });
    const responses = await Promise.all(Array.from({ length: 64 }, () => login({ email, password }, by)));
    expect(responses.map(({ status }) => status)).toEqual(Array(64).fill(200));
  });

  it('does not count an attempt that timed out, and does no work for it any more', async () => {
    const email = await signup();
    const address = newAddress();
    const hurried = createClient(
      { REQUEST_TIMEOUT_MS: '100', LOGIN_GUARD: slowly(env.LOGIN_GUARD) },
      address,
    );
    const timedOut = await Promise.all(Array.from({ length: 8 }, () => login({ email, password }, hurried)));
    expect(new Set(timedOut.map(({ status }) => status))).toEqual(new Set([504]));
    expect((await login({ email, password }, createClient({}, address))).status).toBe(200);
  });

  // Proves ASVS 6.3.4; ASVS 16.5.3.
  it('refuses logins while it cannot count them', async () => {
    const broken = { getByName: () => ({ reserve: () => Promise.reject(new Error('out of reach')) }) };
    const response = await login(
      { email: newEmail(), password },
      createClient({ LOGIN_GUARD: broken as never }),
    );
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'service_unavailable' });
  });
});

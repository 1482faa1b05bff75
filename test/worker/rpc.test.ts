import { createExecutionContext, env, waitOnExecutionContext } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuthService as ServiceOfPackage } from '../../packages/hono-auth/src/service.ts';
import type { Bindings } from '../../src/container.ts';
import { AuthService } from '../../src/index.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import type { Client as Person } from '../../src/rpc/schema.ts';
import { createAccessTokens } from '../../src/sessions/access-tokens.ts';

import { eventsAbout, newAccountAllowed, newAdmin } from '../support/worker/administrators.ts';
import {
  createClient,
  newAccount,
  newAddress,
  newEmail,
  password,
  silentQueue,
} from '../support/worker/client.ts';
import { countRoundTrips } from '../support/worker/database.ts';
import { injectFault } from '../support/worker/database-faults.ts';

// What delivers mails meanwhile would be counted too.
const quiet = { MAIL_QUEUE: silentQueue };
const client = createClient({ ...quiet, RATE_LIMIT_MAX: '100000' });

/** The entrypoint as another Worker calls it, with what it goes on doing after an answer. */
const callService = async <Answer>(
  call: (service: AuthService) => Promise<Answer>,
  variables: Record<string, unknown> = {},
): Promise<Answer> => {
  const execution = createExecutionContext();
  const service = new AuthService(execution, { ...env, ...quiet, ...variables } as unknown as Bindings);
  const answer = await call(service);
  await waitOnExecutionContext(execution);
  return answer;
};

type VerifyArgs = Parameters<AuthService['verify']>;
const verify = (...args: VerifyArgs) => callService((service) => service.verify(...args));

const newPerson = (userAgent = 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'): Person => ({
  address: newAddress(),
  userAgent,
});

const patchByAdmin = async (id: string, json: object): Promise<void> => {
  const { access_token: bearer } = await newAdmin(client);
  expect((await client('PATCH', `/users/${id}`, { bearer, json })).status).toBe(200);
};

afterEach(() => {
  vi.restoreAllMocks();
});

it('the types of @itsor/hono-auth describe this entrypoint', () => {
  const asPackage = (service: AuthService): ServiceOfPackage => service;
  expect(asPackage).toBeTypeOf('function');
});

describe('verify by RPC', () => {
  it('tells the account, its session and its permissions, as GET /auth/me shows them', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    const answer = await verify(bearer);
    const me = await (await client('GET', '/auth/me', { bearer })).json<{ id: string }>();
    expect(answer).toEqual({
      ok: true,
      user: me,
      session: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      permissions: ['users:read'],
    });
  });

  it('takes no round trip to the database once the session gate knows the session', async () => {
    const { access_token: bearer } = await newAccount(client);
    await verify(bearer);
    expect(await countRoundTrips(async () => expect((await verify(bearer)).ok).toBe(true))).toBe(0);
  });

  it('refuses a token on the first call after its logout', async () => {
    const { access_token: bearer } = await newAccount(client);
    expect((await verify(bearer)).ok).toBe(true);
    await client('POST', '/auth/logout', { bearer });
    expect(await verify(bearer)).toMatchObject({ ok: false, status: 401, code: 'session_revoked' });
  });

  it('asks the database about a dead token once, however often services ask', async () => {
    const { access_token: bearer } = await newAccount(client);
    await client('POST', '/auth/logout', { bearer });
    expect(await verify(bearer)).toMatchObject({ ok: false, code: 'session_revoked' });
    const again = async () => {
      expect(await verify(bearer)).toMatchObject({ ok: false, code: 'session_revoked' });
    };
    expect(await countRoundTrips(again)).toBe(0);
  });

  it('refuses the token of an account that was disabled', async () => {
    const { access_token: bearer, user } = await newAccount(client);
    await verify(bearer);
    await patchByAdmin(user.id, { disabled: true });
    expect(await verify(bearer)).toMatchObject({ ok: false, status: 401, code: 'session_revoked' });
  });

  it('refuses an expired token under a code of its own', async () => {
    const { access_token: bearer } = await newAccount(client);
    const loaded = loadConfig(env as Bindings);
    if (!loaded.ok) throw new Error('the configuration is wrong');
    const tokens = createAccessTokens(loaded.config.jwt);
    const verdict = await tokens.verify(bearer, new Date());
    if (verdict.kind !== 'valid') throw new Error('the token is not valid');
    const [issuedAt, expiresAt] = [new Date(Date.now() - 3_600_000), new Date(Date.now() - 60_000)];
    const expired = await tokens.sign(
      { ...verdict.claims, tokenId: crypto.randomUUID() },
      issuedAt,
      expiresAt,
    );
    expect(await verify(expired)).toMatchObject({ ok: false, status: 401, code: 'token_expired' });
  });

  it.each(['', 'x', 'a.b.c', 'ü', undefined, null, 7, {}])('refuses %j, which is no token', async (token) => {
    expect(await verify(token as string)).toMatchObject({ ok: false, status: 401, code: 'unauthenticated' });
  });

  it.each(['another-service', ''])(
    'refuses a token that is not meant for the audience %j',
    async (audience) => {
      const { access_token: bearer } = await newAccount(client);
      expect(await verify(bearer, { audience })).toMatchObject({ ok: false, status: 401 });
      expect((await verify(bearer, { audience: 'itsor-clients' })).ok).toBe(true);
    },
  );

  it('refuses an account that lacks the permission', async () => {
    const { access_token: bearer } = await newAccountAllowed(client, 'users:read');
    expect((await verify(bearer, { permission: 'users:read' })).ok).toBe(true);
    expect(await verify(bearer, { permission: 'users:write' })).toMatchObject({
      ok: false,
      status: 403,
      code: 'forbidden',
    });
  });

  it('gives no permission to an account that has to choose another password', async () => {
    const { access_token: bearer, user } = await newAccountAllowed(client, 'users:read');
    await patchByAdmin(user.id, { must_change_password: true });
    expect(await verify(bearer)).toMatchObject({ ok: true, permissions: [] });
    expect(await verify(bearer, { permission: 'users:read' })).toMatchObject({
      ok: false,
      status: 403,
      code: 'password_change_required',
    });
  });

  it("does not count against the person's rate limit", async () => {
    const { access_token: bearer } = await newAccount(client);
    const strict = { RATE_LIMIT_MAX: '3' };
    for (let call = 0; call < 10; call++) {
      const answer = await callService((service) => service.verify(bearer), strict);
      expect(answer.ok, `call ${call}`).toBe(true);
    }
    expect((await createClient(strict)('GET', '/auth/me', { bearer })).status).toBe(200);
  });

  it('answers 503 with a time to wait, and not 401, while the database is down', async () => {
    const { access_token: bearer } = await newAccount(client);
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const fault = injectFault(() => Promise.reject(new TypeError('connection refused')));
    try {
      expect(await verify(bearer)).toEqual({
        ok: false,
        status: 503,
        code: 'service_unavailable',
        detail: expect.any(String),
        retryAfterSeconds: 1,
      });
    } finally {
      fault.repair();
    }
  });

  it('answers when its options are null, as a caller without types can send them', async () => {
    const { access_token: bearer } = await newAccount(client);
    expect((await verify(bearer, null as never)).ok).toBe(true);
  });
});

it('a misconfigured Worker answers every call by RPC with 503', async () => {
  vi.spyOn(console, 'log').mockImplementation(() => {});
  const person = newPerson();
  const calls: readonly ((service: AuthService) => Promise<unknown>)[] = [
    (service) => service.verify('a.b.c'),
    (service) => service.login({ identifier: newEmail(), password }, person),
    (service) => service.signup({ email: newEmail(), password }, person),
    (service) => service.refresh('x', person),
    (service) => service.logout('a.b.c', person),
  ];
  for (const call of calls) {
    expect(await callService(call, { LOGIN_BRUTE_LOCK_MS: 'x' })).toMatchObject({
      ok: false,
      status: 503,
      code: 'misconfigured',
      retryAfterSeconds: 60,
    });
  }
});

type LoggedIn = { ok: true; tokens: { access_token: string; refresh_token: string; user: { id: string } } };

const signUp = async (person = newPerson()) => {
  const email = newEmail();
  const answer = await callService((service) => service.signup({ email, password }, person));
  return { email, tokens: (answer as LoggedIn).tokens };
};
const login = (identifier: string, person: Person, secret = password, variables = {}) =>
  callService((service) => service.login({ identifier, password: secret }, person), variables);

describe('a session by RPC', () => {
  it('begins with a sign-up or a login, is refreshed, and ends with a logout', async () => {
    const person = newPerson();
    const { email } = await signUp(person);
    const { tokens } = (await login(email, person)) as LoggedIn;
    expect(await verify(tokens.access_token)).toMatchObject({ ok: true, user: { email } });

    const next = await callService((service) => service.refresh(tokens.refresh_token, person));
    const { tokens: refreshed } = next as LoggedIn;
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await verify(refreshed.access_token)).ok).toBe(true);

    expect(await callService((service) => service.logout(refreshed.access_token, person))).toEqual({
      ok: true,
    });
    expect(await verify(refreshed.access_token)).toMatchObject({ ok: false, code: 'session_revoked' });
    expect(await callService((service) => service.refresh(refreshed.refresh_token, person))).toMatchObject({
      ok: false,
      status: 401,
      code: 'session_revoked',
    });
  });

  it('is recorded with the address and the user agent that the caller names', async () => {
    const person = newPerson('Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0 of a test');
    const { tokens } = await signUp(person);
    const events = await eventsAbout(tokens.user.id);
    const opened = events.find(({ type }) => type === 'session.opened');
    expect(opened).toMatchObject({ ip: person.address, user_agent: person.userAgent });
  });

  it('ends everywhere with the scope global', async () => {
    const person = newPerson();
    const { email, tokens: first } = await signUp(person);
    const { tokens } = (await login(email, person)) as LoggedIn;
    await callService((service) => service.logout(tokens.access_token, person, 'global'));
    expect(await verify(first.access_token)).toMatchObject({ ok: false, code: 'session_revoked' });
  });

  it.each([
    [{ JWT_HEADER_NAME: 'X-Auth', JWT_HEADER_TYPE: 'Token' }],
    [{ JWT_TOKEN_LOCATION: 'cookies' }],
    [{ API_URL: 'http://localhost:3002/accounts' }],
  ])('ends in a service with %j as well', async (variables) => {
    const { tokens } = await signUp();
    const ended = await callService((service) => service.logout(tokens.access_token, newPerson()), variables);
    expect(ended).toEqual({ ok: true });
    expect(await verify(tokens.access_token)).toMatchObject({ ok: false, code: 'session_revoked' });
  });
});

describe('a call by RPC that is refused', () => {
  it('names the fields at fault', async () => {
    const answer = await callService((service) => service.signup({ email: 'x', password }, newPerson()));
    expect(answer).toMatchObject({
      ok: false,
      status: 422,
      code: 'validation_failed',
      errors: [{ pointer: '/email', code: expect.any(String), detail: expect.any(String) }],
    });
  });

  it('says that a password is wrong without saying whether there is an account', async () => {
    const { email } = await signUp();
    const wrong = await login(email, newPerson(), 'not the password');
    expect(wrong).toMatchObject({ ok: false, status: 401, code: 'invalid_credentials' });
    expect(await login(newEmail(), newPerson(), 'not the password')).toEqual(wrong);
  });

  it('is counted by the address that the caller names, and tells how long to wait', async () => {
    // Logins have 0.8 of it.
    const strict = { RATE_LIMIT_MAX: '4' };
    const [busy, other] = [newPerson(), newPerson()];
    const { email } = await signUp();
    const answers = [];
    for (let attempt = 0; attempt < 4; attempt++) answers.push(await login(email, busy, password, strict));
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, false]);
    expect(answers[3]).toMatchObject({
      status: 429,
      code: 'rate_limited',
      retryAfterSeconds: expect.any(Number),
    });
    expect((await login(email, other, password, strict)).ok).toBe(true);
  });

  it.each([undefined, null, 'x'])(
    'names the client if that is %j, instead of counting everybody as one',
    async (person) => {
      const answer = await login(newEmail(), person as never);
      expect(answer).toMatchObject({ ok: false, status: 422, code: 'validation_failed' });
    },
  );

  it.each([
    ['login', (service: AuthService) => service.login(undefined as never, newPerson()), 422],
    ['signup', (service: AuthService) => service.signup(null as never, newPerson()), 422],
    ['refresh', (service: AuthService) => service.refresh(7 as never, newPerson()), 422],
    ['logout', (service: AuthService) => service.logout('line\nbreak', newPerson()), 401],
    [
      'logout with an unknown scope',
      (service: AuthService) => service.logout('a.b.c', newPerson(), 'x' as never),
      422,
    ],
  ])('is an answer and no exception for arguments of another type: %s', async (_, call, status) => {
    expect(await callService<{ ok: boolean }>(call)).toMatchObject({ ok: false, status });
  });

  it('does not fail for a user agent that no header can carry', async () => {
    const { email } = await signUp();
    expect((await login(email, { address: newAddress(), userAgent: 'a\nb – 🙂' })).ok).toBe(true);
  });
});

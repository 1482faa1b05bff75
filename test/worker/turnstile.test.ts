import { afterEach, beforeEach, describe, expect, inject, it, type MockInstance, vi } from 'vitest';
import { createAccounts } from '../../src/accounts/service.ts';
import { createTurnstile } from '../../src/accounts/turnstile.ts';
import type { Container } from '../../src/container.ts';
import type { LoginGuard } from '../../src/login-guard/rules/login-ledger.ts';
import type { PasswordHasher } from '../../src/passwords/rules/hash-lane.ts';
import { createComparePassword } from '../../src/passwords/service/verify.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import type { RequestContext } from '../../src/platform/context.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { createVisitor } from '../support/worker/visitor.ts';

const siteverifyUrl = 'https://challenges.cloudflare.com/turnstile/v0/siteverify';
const secretKey = '0x4AAAAAAA-the-secret-of-the-widget';
const token = '1.the-token-of-a-visitor';
const address = '2001:db8:7::7';

type Asked = { secret: string; response: string; remoteip?: string; idempotency_key: string };

/** Cloudflare's side: what it was asked, and how it answers, the last answer again and again. */
const siteverify = { asked: [] as Asked[], answers: [] as ((signal: AbortSignal) => Promise<Response>)[] };
const answering = (...answers: ((signal: AbortSignal) => Promise<Response>)[]) => {
  siteverify.answers = answers;
};

const json =
  (body: unknown, status = 200) =>
  async () =>
    Response.json(body, { status });
const passed = json({ success: true, 'error-codes': [], challenge_ts: '2026-11-20T10:00:00Z' });
const refused = (...codes: string[]) => json({ success: false, 'error-codes': codes });
const text = (body: string, status: number) => async () => new Response(body, { status });
const cutOff = async (): Promise<Response> => {
  throw new TypeError('Network connection lost.');
};
const silence = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

let fetches: MockInstance<typeof fetch>;
let logged: MockInstance<typeof console.log>;
beforeEach(() => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
  siteverify.asked = [];
  const elsewhere = globalThis.fetch;
  fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
    if (String(target) !== siteverifyUrl) return elsewhere(target, init);
    expect([init?.method, new Headers(init?.headers).get('Content-Type')]).toEqual([
      'POST',
      'application/json',
    ]);
    siteverify.asked.push(JSON.parse(String(init?.body)));
    const answer = siteverify.answers.length > 1 ? siteverify.answers.shift() : siteverify.answers[0];
    return answer?.(init?.signal as AbortSignal) ?? cutOff();
  });
});
afterEach(() => {
  fetches.mockRestore();
  logged.mockRestore();
});

const databaseCalls = () =>
  fetches.mock.calls.filter(([target]) => String(target) === inject('neonEndpoint')).length;

// Without verification no mail is delivered meanwhile, which would ask the database too.
const withoutTurnstile = { EMAIL_VERIFICATION: 'off' };
const variables = { ...withoutTurnstile, TURNSTILE_SECRET_KEY: secretKey };
const signup = async (json: Record<string, unknown> = {}, client = createClient(variables)) => {
  const email = newEmail();
  const response = await client('POST', '/auth/signup', { json: { email, password, ...json } });
  const body = await response.json<Record<string, unknown>>();
  return { email, response, body };
};

const accountsOf = (email: string) => sql`select id from users where email = ${email}`;

describe('sign-up with Turnstile', () => {
  it('asks siteverify once, with the secret, the token, the address and a key, and makes the account', async () => {
    answering(passed);
    const { email, response } = await signup({ turnstile_token: token }, createClient(variables, address));

    expect(response.status).toBe(201);
    expect(await accountsOf(email)).toHaveLength(1);
    expect(siteverify.asked).toEqual([
      {
        secret: secretKey,
        response: token,
        remoteip: address,
        idempotency_key: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
      },
    ]);
  });

  it('sends no address where the platform gives none', async () => {
    answering(passed);
    await signup({ turnstile_token: token }, createClient(variables, 'not an address'));
    expect(siteverify.asked[0]).not.toHaveProperty('remoteip');
  });

  it.each([
    ['an invalid token', 'invalid-input-response'],
    ['a token that is too old or was used before', 'timeout-or-duplicate'],
    ['a token for a reason that is not known here', 'a-code-of-the-future'],
    // Proves ASVS 2.4.1.
  ])('refuses %s with 403, before the database is touched', async (_, code) => {
    answering(refused(code));
    const { email, response, body } = await signup({ turnstile_token: token });

    expect([response.status, body.code]).toEqual([403, 'turnstile_failed']);
    expect(databaseCalls()).toBe(0);
    expect(siteverify.asked).toHaveLength(1);
    expect(await accountsOf(email)).toHaveLength(0);
  });

  it('refuses a token that is refused without a reason', async () => {
    answering(json({ success: false }));
    expect((await signup({ turnstile_token: token })).response.status).toBe(403);
  });

  it.each([
    ['no token', {}],
    ['an empty token', { turnstile_token: '' }],
  ])('refuses %s and says which member is missing, without asking', async (_, json) => {
    answering(passed);
    const { response, body } = await signup(json);

    expect(response.status).toBe(403);
    expect(body).toMatchObject({
      code: 'turnstile_failed',
      errors: [{ pointer: '/turnstile_token', code: 'required' }],
    });
    expect([siteverify.asked.length, databaseCalls()]).toEqual([0, 0]);
  });

  it.each([
    ['cannot be reached', cutOff],
    ['answers 500', text('upstream error', 500)],
    ['answers 403 with a verdict', json({ success: true }, 403)],
    ['answers with a page', text('<html>busy</html>', 200)],
    ['answers with nothing', text('', 200)],
    ['answers without a verdict', json({ ok: true })],
    ['answers with a verdict that is no boolean', json({ success: 'true' })],
    ['answers with a list', json([{ success: true }])],
    ['fails itself', refused('internal-error')],
    ['does not know our secret', refused('invalid-input-secret')],
    ['refuses our request', refused('bad-request')],
  ])('answers 503 and makes no account where siteverify %s', async (_, answer) => {
    answering(answer);
    const { email, response, body } = await signup({ turnstile_token: token });

    expect([response.status, body.code]).toEqual([503, 'service_unavailable']);
    expect(response.headers.get('Retry-After')).toBe('1');
    expect(databaseCalls()).toBe(0);
    expect(await accountsOf(email)).toHaveLength(0);
  });

  it.each([
    ['lost', cutOff],
    ['no verdict', text('bad gateway', 502)],
  ])('asks a second time under the same key where the first answer is %s', async (_, answer) => {
    answering(answer, passed);
    expect((await signup({ turnstile_token: token })).response.status).toBe(201);
    expect(siteverify.asked).toHaveLength(2);
    expect(siteverify.asked[1]).toEqual(siteverify.asked[0]);
  });

  it('asks under another key for each sign-up, or a used token would pass again', async () => {
    answering(passed);
    await signup({ turnstile_token: token });
    await signup({ turnstile_token: token });
    const [first, second] = siteverify.asked;
    expect(second?.idempotency_key).not.toBe(first?.idempotency_key);
  });

  it('asks no more than twice', async () => {
    answering(cutOff);
    await signup({ turnstile_token: token });
    expect(siteverify.asked).toHaveLength(2);
  });

  it('stops asking when the request times out', async () => {
    let stopped = false;
    answering((signal) => {
      signal.addEventListener('abort', () => {
        stopped = true;
      });
      return silence(signal);
    });
    const { response, body } = await signup(
      { turnstile_token: token },
      createClient({ ...variables, REQUEST_TIMEOUT_MS: '200' }),
    );
    expect([response.status, body.code]).toEqual([504, 'timeout']);
    expect([stopped, siteverify.asked.length, databaseCalls()]).toEqual([true, 1, 0]);
  });

  it('spends no token on a password that is too weak', async () => {
    answering(passed);
    const { body } = await signup({ turnstile_token: token, password: 'short' });
    expect(body.code).toBe('weak_password');
    expect(siteverify.asked).toEqual([]);
  });

  it('looks up no password at Have I Been Pwned for a sign-up whose token is missing', async () => {
    await signup({}, createClient({ ...variables, PWNED_PASSWORDS: 'true' }));
    expect(fetches.mock.calls.map(([target]) => String(target))).toEqual([]);
  });

  it('takes a token of 2048 characters, and none that is longer', async () => {
    answering(passed);
    expect((await signup({ turnstile_token: 'x'.repeat(2048) })).response.status).toBe(201);
    const { response, body } = await signup({ turnstile_token: 'x'.repeat(2049) });
    expect(response.status).toBe(422);
    expect(body).toMatchObject({ errors: [{ pointer: '/turnstile_token', code: 'too_long' }] });
    expect(siteverify.asked).toHaveLength(1);
  });

  it('shows neither the secret nor the token in a response or a log line', async () => {
    const client = createClient({ ...variables, LOG_LEVEL: 'debug' });
    const shown: string[] = [];
    for (const answer of [
      refused('invalid-input-secret'),
      refused(`invalid-input-response ${token} ${secretKey}`),
      text(`${token} ${secretKey}`, 200),
      text(`${token} ${secretKey}`, 500),
      json({ success: `${token} ${secretKey}` }),
      passed,
    ]) {
      answering(answer);
      shown.push(JSON.stringify((await signup({ turnstile_token: token }, client)).body));
    }
    shown.push(...logged.mock.calls.flat().map(String));

    expect(shown.join('\n')).toContain('siteverify answered invalid-input-secret');
    expect(shown.filter((line) => line.includes(secretKey) || line.includes(token))).toEqual([]);
  });
});

describe('sign-up without Turnstile', () => {
  it('takes a token and ignores it, so that a frontend may send it before the key is set', async () => {
    const { response } = await signup({ turnstile_token: token }, createClient(withoutTurnstile));
    expect(response.status).toBe(201);
    expect(siteverify.asked).toEqual([]);
  });
});

describe('mails with Turnstile', () => {
  const challenged = { ...variables, EMAIL_VERIFICATION: 'optional', TURNSTILE_ROUTES: 'forgot,resend' };
  const mails = [
    ['forgot', '/auth/password/forgot', 'reset_password'],
    ['resend', '/auth/email/resend', 'verify_email'],
  ] as const;
  const mailsTo = (email: string, template: string) =>
    sql`select id from outbox where recipient = ${email} and template = ${template}`;
  /** An account whose last verification mail is old enough for another one. */
  const newAddress = async () => {
    const { email } = await signup({}, createClient(withoutTurnstile));
    return email;
  };

  it.each(mails)('%s needs a good token, and writes a mail only then', async (_, path, template) => {
    const client = createClient(challenged);
    const email = await newAddress();
    const without = await client('POST', path, { json: { email } });
    expect([without.status, await without.json()]).toMatchObject([
      403,
      { code: 'turnstile_failed', errors: [{ pointer: '/turnstile_token', code: 'required' }] },
    ]);
    answering(refused('timeout-or-duplicate'));
    expect((await client('POST', path, { json: { email, turnstile_token: token } })).status).toBe(403);
    answering(cutOff);
    expect((await client('POST', path, { json: { email, turnstile_token: token } })).status).toBe(503);
    expect(await mailsTo(email, template)).toHaveLength(0);

    answering(passed);
    expect((await client('POST', path, { json: { email, turnstile_token: token } })).status).toBe(202);
    expect(await mailsTo(email, template)).toHaveLength(1);
  });

  it.each(mails)('%s needs none where TURNSTILE_ROUTES leaves it out', async (_, path) => {
    const client = createClient({ ...variables, TURNSTILE_ROUTES: 'signup,login' });
    const json = { email: newEmail(), turnstile_token: token };
    expect((await client('POST', path, { json })).status).toBe(202);
    expect(siteverify.asked).toEqual([]);
  });

  it('leaves sign-up open where TURNSTILE_ROUTES leaves it out', async () => {
    const client = createClient({ ...variables, TURNSTILE_ROUTES: 'forgot' });
    expect((await signup({}, client)).response.status).toBe(201);
  });
});

describe('a login with Turnstile', () => {
  const challenged = { ...variables, TURNSTILE_ROUTES: 'login', RATE_LIMIT_MAX: '1000' };
  const wrong = 'another password than hers';
  const newOwner = async () => (await signup({}, createClient(withoutTurnstile))).email;

  /** One network's logins, by JSON. */
  const from = (client = createClient(challenged)) => ({
    client,
    login: async (identifier: string, json: Record<string, unknown> = {}) => {
      const response = await client('POST', '/auth/token', { json: { identifier, password, ...json } });
      const body = await response.json<Record<string, unknown>>();
      return { status: response.status, code: body.code, body };
    },
    fail: async (identifier: string, times = 3) => {
      for (let count = 0; count < times; count++) {
        const json = { identifier, password: wrong };
        expect((await client('POST', '/auth/token', { json })).status).toBe(401);
      }
    },
  });

  it('needs no token before there are failures, and spends none that is sent', async () => {
    const email = await newOwner();
    const { login, fail } = from();
    expect((await login(email)).status).toBe(200);
    await fail(email, 2);
    expect((await login(email, { turnstile_token: token })).status).toBe(200);
    expect(siteverify.asked).toEqual([]);
  });

  it('needs a token after three failures, and says so before it compares the password', async () => {
    const email = await newOwner();
    const { login, fail } = from();
    await fail(email);

    const right = await login(email);
    expect(right).toMatchObject({
      status: 403,
      code: 'turnstile_failed',
      body: { errors: [{ pointer: '/turnstile_token', code: 'required' }] },
    });
    expect(right.body.detail).toContain('turnstile_token');
    const guess = await login(email, { password: wrong });
    expect({ ...guess.body, request_id: '' }).toEqual({ ...right.body, request_id: '' });

    answering(passed);
    expect((await login(email, { turnstile_token: token })).status).toBe(200);
    expect(siteverify.asked).toHaveLength(1);
  });

  it('gives an unknown name the same answers as an account', async () => {
    const { login, fail } = from();
    const nobody = newEmail();
    await fail(nobody);
    expect(await login(nobody)).toMatchObject({ status: 403, code: 'turnstile_failed' });
    answering(passed);
    expect(await login(nobody, { turnstile_token: token })).toMatchObject({ status: 401 });
  });

  it('asks no owner at another network for a token', async () => {
    const email = await newOwner();
    await from().fail(email);
    expect((await from().login(email)).status).toBe(200);
  });

  it('locks after five failures as before, however good the tokens are', async () => {
    const email = await newOwner();
    const { login, fail } = from();
    await fail(email);
    answering(passed);
    const tries = [];
    for (let count = 0; count < 3; count++)
      tries.push((await login(email, { password: wrong, turnstile_token: token })).status);
    expect(tries).toEqual([401, 401, 429]);
    expect(await login(email, { turnstile_token: token })).toMatchObject({
      status: 429,
      code: 'login_locked',
    });
    expect(siteverify.asked).toHaveLength(2);
  });

  it('counts no failure for a login without a good token', async () => {
    const email = await newOwner();
    const { login, fail } = from();
    await fail(email);
    answering(refused('invalid-input-response'));
    for (let count = 0; count < 4; count++) {
      expect((await login(email)).status).toBe(403);
      expect((await login(email, { turnstile_token: token })).status).toBe(403);
    }
    answering(cutOff);
    expect(await login(email, { turnstile_token: token })).toMatchObject({ status: 503 });
    answering(passed);
    expect((await login(email, { turnstile_token: token })).status).toBe(200);
  });

  it.each([
    ['no token', null, passed, 'turnstile_failed', []],
    ['a token that is refused', token, refused('invalid-input-response'), 'turnstile_failed', ['withdrawn']],
    ['a token that nobody judges', token, cutOff, 'service_unavailable', ['withdrawn']],
  ] as const)('hashes nothing and counts nothing after %s', async (_, given, answer, code, settlements) => {
    answering(answer);
    const verify = vi.fn(async () => ({ valid: true, outdated: false }));
    const settle = vi.fn(async () => null);
    const reserve: LoginGuard['reserve'] = async (_account, _networks, _standing, challenge) =>
      challenge === 'offered'
        ? { admitted: true, isDoubtful: true, settle }
        : { admitted: false, retryAfterSeconds: 0, isChallenged: true };
    const compare = createComparePassword({
      guard: { reserve } as LoginGuard,
      hasher: { verify } as unknown as PasswordHasher,
      isFamiliarNetwork: async () => false,
      recordFailedLogin: async () => {},
    });
    const deferred: Promise<unknown>[] = [];
    const ctx = {
      ip: null,
      actor: null,
      networks: ['unknown'],
      signal: new AbortController().signal,
      defer: (_name: string, work: Promise<unknown>) => deferred.push(work),
    } as unknown as RequestContext;
    const challenge = { check: createTurnstile({ secretKey: new Secret(secretKey), fetch }), token: given };
    const name = { kind: 'email', value: newEmail() } as const;
    await expect(compare(ctx, name, password, Promise.resolve(null), challenge)).rejects.toMatchObject({
      code,
    });
    await Promise.all(deferred);
    expect([verify.mock.calls.length, settle.mock.calls]).toEqual([0, settlements.map((each) => [each])]);
  });

  it('lets three of many parallel guesses without a token reach the password', async () => {
    const { login } = from();
    const nobody = newEmail();
    const tries = await Promise.all(Array.from({ length: 20 }, () => login(nobody, { password: wrong })));
    expect(tries.filter(({ status }) => status === 401)).toHaveLength(3);
    expect(tries.filter(({ code }) => code === 'turnstile_failed')).toHaveLength(17);
  });

  it('takes the token in the form of OAuth 2 too', async () => {
    const email = await newOwner();
    const { client, fail } = from();
    await fail(email);
    const form = { grant_type: 'password', username: email, password };
    const without = await client('POST', '/auth/token', { form });
    expect([without.status, await without.json()]).toMatchObject([403, { code: 'turnstile_failed' }]);
    answering(passed);
    expect((await client('POST', '/auth/token', { form: { ...form, turnstile_token: token } })).status).toBe(
      200,
    );
  });

  it('needs no token after failures where TURNSTILE_ROUTES leaves login out', async () => {
    const email = await newOwner();
    const { login, fail } = from(createClient(variables));
    await fail(email, 4);
    expect((await login(email)).status).toBe(200);
  });
});

describe('the order of a sign-up', () => {
  const context = (signal = new AbortController().signal) =>
    ({
      ip: null,
      network: 'unknown',
      networks: ['unknown'],
      signal,
      now: new Date(),
    }) as unknown as RequestContext;

  /** A sign-up whose database finds the address taken. */
  const createUseCase = (timeoutMs?: number) => {
    const hash = vi.fn(async () => 'a hash');
    const create = vi.fn(async () => []);
    const container = {
      config: {
        email: { verification: 'off' },
        password: { maxAgeDays: null },
        session: {
          refreshTtlSeconds: 60,
          absoluteTtlSeconds: 60,
          reuseGraceSeconds: 0,
          lateMax: 0,
          maxPerAccount: 100,
        },
      },
      db: { execute: create },
      hasher: { hash, refuseIfFull: () => () => {} },
      challenges: {
        signup: createTurnstile({
          secretKey: new Secret(secretKey),
          fetch,
          ...(timeoutMs !== undefined && { timeoutMs }),
        }),
      },
      newId: () => crypto.randomUUID(),
    } as unknown as Container;
    const { signup } = createAccounts(container, { check: async () => {} } as never);
    const request = { email: newEmail(), password, username: null, scope: '', turnstileToken: token };
    return { hash, create, run: () => signup(context(), request) };
  };

  it.each([
    ['a refused token', refused('invalid-input-response'), 'turnstile_failed'],
    ['an outage of siteverify', cutOff, 'service_unavailable'],
  ])('hashes no password after %s', async (_, answer, code) => {
    answering(answer);
    const { hash, create, run } = createUseCase();
    await expect(run()).rejects.toMatchObject({ code });
    expect([hash.mock.calls.length, create.mock.calls.length]).toEqual([0, 0]);
  });

  it('hashes after a token that passed', async () => {
    answering(passed);
    const { hash, run } = createUseCase();
    await expect(run()).rejects.toMatchObject({ code: 'email_taken' });
    expect(hash).toHaveBeenCalledOnce();
  });

  it('gives siteverify a time limit of its own, answers 503 after it, and does not ask again', async () => {
    answering(silence);
    const { hash, create, run } = createUseCase(50);
    await expect(run()).rejects.toMatchObject({ code: 'service_unavailable' });
    expect([siteverify.asked.length, hash.mock.calls.length, create.mock.calls.length]).toEqual([1, 0, 0]);
  });

  it('limits an answer that begins and never ends', async () => {
    answering(async (signal) => {
      const body = new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode('{"success":'));
          signal.addEventListener('abort', () => controller.error(signal.reason));
        },
      });
      return new Response(body);
    });
    await expect(createUseCase(50).run()).rejects.toMatchObject({ code: 'service_unavailable' });
  });
});

describe('the form to sign up at /account', () => {
  const siteKey = '0x4AAAAAAA-the-public-key';
  const visitor = () =>
    createVisitor(
      createClient({ TURNSTILE_SECRET_KEY: secretKey, TURNSTILE_SITE_KEY: siteKey, RATE_LIMIT_MAX: '1000' }),
    );

  it('has the widget, whose script and frame alone may come from elsewhere', async () => {
    const { html, headers } = await visitor().open('/account');
    expect(html).toContain('action="/account/signup"');
    expect(html).toContain(
      `class="cf-turnstile" data-sitekey="${siteKey}" data-response-field-name="turnstile_token"`,
    );
    expect(html).toContain('<noscript>');
    const policy = headers.get('Content-Security-Policy') ?? '';
    expect(policy).toMatch(/script-src 'nonce-[^ ]+' https:\/\/challenges\.cloudflare\.com;/);
    expect(policy).toContain('frame-src https://challenges.cloudflare.com;');
    expect(policy.match(/https:/g)).toHaveLength(2);
  });

  it('takes its token, and says so where the check fails', async () => {
    const by = visitor();
    const email = newEmail();
    answering(refused('timeout-or-duplicate'), passed);
    const form = { email, password, turnstile_token: token };
    const failed = await by.send('/account/signup', form);
    expect([failed.status, failed.html.includes('cf-turnstile')]).toEqual([403, true]);
    expect(failed.html).toContain('The check that you are a person has failed. Please try again.');
    expect((await by.submit('/account/signup', form)).title).toMatch(/^Your account/);
    expect(siteverify.asked.map(({ response }) => response)).toEqual([token, token]);
  });

  it('has no widget, and no policy for one, without a challenge', async () => {
    const { html, headers } = await createVisitor(createClient()).open('/account');
    expect(html).not.toMatch(/turnstile|<script/);
    expect(headers.get('Content-Security-Policy')).not.toContain('https:');
  });
});

describe('the forms of our pages that may need a challenge', () => {
  const siteKey = '0x4AAAAAAA-the-public-key';
  const widget = `class="cf-turnstile" data-sitekey="${siteKey}"`;
  const every = { TURNSTILE_SECRET_KEY: secretKey, TURNSTILE_ROUTES: 'signup, forgot, resend, login' };
  const shown = { ...every, TURNSTILE_SITE_KEY: siteKey, RATE_LIMIT_MAX: '1000' };
  /** The form of a page that leads to a path. */
  const formOf = (html: string, action: string): string =>
    html.split('<form').find((form) => form.includes(`action="${action}"`)) ?? '';
  const allowsWidget = (headers: Headers) =>
    headers.get('Content-Security-Policy')?.includes('frame-src https://challenges.cloudflare.com') ?? false;

  it.each([
    ['/forgot-password', '/forgot-password', 'reset-sent'],
    ['/verify-email', '/verify-email/resend', 'verification-sent'],
  ])('%s has the widget, and its form takes the token', async (path, action, notice) => {
    const by = createVisitor(createClient(shown));
    const { html, headers } = await by.open(path);
    expect(formOf(html, action)).toContain(widget);
    expect(allowsWidget(headers)).toBe(true);

    const email = newEmail();
    const without = await by.send(action, { email });
    expect([without.status, formOf(without.html, action).includes(email)]).toEqual([403, true]);
    expect(formOf(without.html, action)).toContain(widget);
    expect(allowsWidget(without.headers)).toBe(true);
    answering(passed);
    expect((await by.send(action, { email, turnstile_token: token })).location).toContain(notice);
  });

  it('the account page has it where it sends a verification mail', async () => {
    const by = createVisitor(createClient(shown));
    answering(passed);
    const { html, headers } = await by.submit('/account/signup', {
      email: newEmail(),
      password,
      turnstile_token: token,
    });
    expect(formOf(html, '/verify-email/resend')).toContain(widget);
    expect(allowsWidget(headers)).toBe(true);
  });

  it('the form to log in has it after failures, until a login succeeds, and keeps what was typed', async () => {
    const { email } = await signup({}, createClient(withoutTurnstile));
    const by = createVisitor(createClient(shown));
    const send = (form: Record<string, string>) => by.send('/account/login', { identifier: email, ...form });
    const first = await by.open('/account');
    expect(formOf(first.html, '/account/login')).not.toContain(widget);
    for (let count = 0; count < 3; count++) await send({ password: 'wrong' });

    const refusal = await send({ password });
    const form = formOf(refusal.html, '/account/login');
    expect([refusal.status, form.includes(widget), form.includes(email)]).toEqual([403, true, true]);
    expect(refusal.html).toContain('After several failed attempts');
    answering(passed);
    const mistyped = await send({ password: 'wrong', turnstile_token: token });
    expect([mistyped.status, formOf(mistyped.html, '/account/login').includes(widget)]).toEqual([401, true]);
    expect((await send({ password, turnstile_token: token })).location).toBe('/account');
  });

  it('pages without a site key say that the form is not there, and what to do', async () => {
    const by = createVisitor(createClient(every));
    for (const [path, action] of [
      ['/account', '/account/signup'],
      ['/forgot-password', '/forgot-password'],
      ['/verify-email', '/verify-email/resend'],
    ] as const) {
      const { html, headers } = await by.open(path);
      expect(formOf(html, action)).toBe('');
      expect(html).toContain('Please use the form on our site');
      expect(allowsWidget(headers)).toBe(false);
    }
  });
});

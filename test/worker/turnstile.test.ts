import { afterEach, beforeEach, describe, expect, inject, it, type MockInstance, vi } from 'vitest';
import { createAccounts } from '../../src/accounts/service.ts';
import { createTurnstile } from '../../src/accounts/turnstile.ts';
import type { Container } from '../../src/container.ts';
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
      checkTurnstile: createTurnstile({
        secretKey: new Secret(secretKey),
        fetch,
        ...(timeoutMs !== undefined && { timeoutMs }),
      }),
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

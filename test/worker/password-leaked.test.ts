import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createPwnedPasswords } from '../../src/passwords/service/check.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';

const rangeUrl = 'https://api.pwnedpasswords.com/range/';
/** SHA-1 of the password that the tests set, computed elsewhere. */
const prefix = 'ABF7A';
const suffix = 'AD6438836DBE526AA231ABDE2D0EEF74D42';
const others = ['0018A45C4D1DEF81644B54AB7F969B88D65:12', 'FFFE8A9A4C5D8AB8A4C5D8AB8A4C5D8AB8A:3'];

type Answer = (signal: AbortSignal) => Promise<Response>;
const text =
  (body: string, status = 200): Answer =>
  async () =>
    new Response(body, { status });
const list = (...lines: string[]) => text([...others, ...lines].join('\r\n'));
const cutOff: Answer = async () => {
  throw new TypeError(`Network connection lost: ${rangeUrl}${prefix}`);
};
const silence: Answer = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const neverEnding: Answer = async (signal) =>
  new Response(
    new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(`${suffix}:9\r\n`));
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    }),
  );

let answer: Answer;
let asked: { url: string; headers: Headers }[];
let fetches: MockInstance<typeof fetch>;
let logged: MockInstance<typeof console.log>;
beforeEach(() => {
  asked = [];
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
  const elsewhere = globalThis.fetch;
  fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
    const url = String(target);
    if (!url.startsWith(rangeUrl)) return elsewhere(target, init);
    asked.push({ url, headers: new Headers(init?.headers) });
    return answer(init?.signal as AbortSignal);
  });
});
afterEach(() => {
  fetches.mockRestore();
  logged.mockRestore();
});

const variables = { PWNED_PASSWORDS: 'true', LOG_LEVEL: 'warn' };
const signup = async (chosen = password, client = createClient(variables)) => {
  const email = newEmail();
  const response = await client('POST', '/auth/signup', { json: { email, password: chosen } });
  return { email, response, body: await response.json<Record<string, unknown>>() };
};
const logLines = () => logged.mock.calls.flat().map(String);

describe('sign-up with the Pwned Passwords', () => {
  it('asks for the padded range of five digits of the hash, and accepts a password that is not on it', async () => {
    answer = list();
    const { email, response } = await signup();

    expect(response.status).toBe(201);
    expect(await sql`select id from users where email = ${email}`).toHaveLength(1);
    expect(asked.map(({ url }) => url)).toEqual([`${rangeUrl}${prefix}`]);
    expect(asked[0]?.headers.get('Add-Padding')).toBe('true');
    expect(asked[0]?.headers.get('User-Agent')).toBe('itsor');
    expect(logLines()).toEqual([]);
  });

  // Proves ASVS 6.2.12.
  it('refuses a password that is on it, and makes no account', async () => {
    answer = list(`${suffix}:1`);
    const { email, response, body } = await signup();

    expect(response.status).toBe(422);
    expect(body).toMatchObject({
      code: 'weak_password',
      errors: [{ pointer: '/password', code: 'leaked', detail: expect.stringContaining('leaked passwords') }],
    });
    expect(await sql`select id from users where email = ${email}`).toHaveLength(0);
  });

  it('ignores padding, which has a count of zero', async () => {
    answer = list(`${suffix}:0`);
    expect((await signup()).response.status).toBe(201);
  });

  it('hashes the stored form, so that another spelling is the same password', async () => {
    answer = list();
    await signup(password.replaceAll('c', 'ｃ'));
    expect(asked.map(({ url }) => url)).toEqual([`${rangeUrl}${prefix}`]);
  });

  it('does not look up a password that is refused anyway, nor one of a login', async () => {
    answer = list(`${suffix}:1`);
    await signup('Password123456!');
    const client = createClient(variables);
    await client('POST', '/auth/token', { json: { email: newEmail(), password } });
    expect(asked).toEqual([]);
  });

  it.each<[string, Answer, string]>([
    ['answers 500', text('', 500), 'answered 500'],
    ['answers 503 with a list', text(`${suffix}:1`, 503), 'answered 503'],
    ['answers with a page', text('<html>busy</html>'), 'answered without a list'],
    ['answers with nothing', text(''), 'answered without a list'],
    ['answers with other hashes', text('5F4DCC3B5AA765D61D8327DEB882CF99:1'), 'answered without a list'],
    ['cannot be reached', cutOff, 'cannot be reached'],
    ['does not answer', silence, 'no answer within 1500 ms'],
    ['never ends its answer', neverEnding, 'no answer within 1500 ms'],
  ])('lets a password pass, and logs why, where the service %s', async (_, given, reason) => {
    answer = given;
    const { response } = await signup();
    expect(response.status).toBe(201);
    expect(logLines().map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 'warn', message: 'the Pwned Passwords could not be asked', reason }),
    ]);
  });

  it('logs neither the password nor any of its hash', async () => {
    const shown: string[] = [];
    for (const given of [cutOff, text(password, 500), text(`${prefix}${suffix}`), list(`${suffix}:1`)]) {
      answer = given;
      shown.push(
        JSON.stringify((await signup(password, createClient({ ...variables, LOG_LEVEL: 'debug' }))).body),
      );
    }
    shown.push(...logLines());
    const telling = new RegExp([prefix, suffix, password].join('|'), 'i');
    expect(shown.join('\n')).toContain('cannot be reached');
    expect(shown.filter((line) => telling.test(line))).toEqual([]);
  });

  it('stops when its request ends', async () => {
    answer = silence;
    const hurried = createClient({ ...variables, REQUEST_TIMEOUT_MS: '200' });
    const { response, body } = await signup(password, hurried);
    expect([response.status, body.code]).toEqual([504, 'timeout']);
  });

  it('looks nothing up unless it is switched on', async () => {
    answer = list(`${suffix}:1`);
    expect((await signup(password, createClient({ PWNED_PASSWORDS: 'false' }))).response.status).toBe(201);
    expect(asked).toEqual([]);
  });
});

describe('the time limit of the lookup', () => {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };

  it('is its own and does not depend on that of the request', async () => {
    answer = silence;
    const { signal } = new AbortController();
    expect(await createPwnedPasswords({ fetch, timeoutMs: 50 })({ signal, log }, password)).toBe(false);
    expect(log.warn).toHaveBeenCalledOnce();
  });

  it('is not mistaken for the end of the request, after which no password passes', async () => {
    answer = silence;
    const { signal } = { signal: AbortSignal.timeout(20) };
    const lookup = createPwnedPasswords({ fetch })({ signal, log }, password);
    await expect(lookup).rejects.toMatchObject({ code: 'timeout' });
  });
});

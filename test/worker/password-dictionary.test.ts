import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { dictionaryFile } from '../../src/passwords/rules/dictionary.ts';
import { newAdmin } from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password } from '../support/worker/client.ts';
import { tokenIn } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';

const { ASSETS } = env as unknown as Bindings;

/** Assets of an isolate that has read no dictionary yet; each is refused the given answers first. */
const coldAssets = (...refusals: (() => Response)[]) => ({
  fetch: vi.fn(
    async (url: string, init: RequestInit) => refusals.shift()?.() ?? ASSETS.fetch(url, init as never),
  ),
});
const withAssets = (assets: unknown) => createClient({ ASSETS: assets as never });
const missing = () => new Response(null, { status: 404 });
const otherWords = () => new Response('abacus\n\npassword\n');

const well = createClient();
const without = withAssets({ fetch: async () => missing() });
const nextPassword = 'wandering otters juggle';

let logged: MockInstance<typeof console.log>;
const errorsLogged = () =>
  logged.mock.calls.map(([line]) => JSON.parse(String(line))).filter(({ level }) => level === 'error');
beforeEach(() => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

describe('without the password dictionary', () => {
  it.each([
    ['a dictionary that is missing', missing, `the assets answered 404 for ${dictionaryFile}`],
    [
      'a dictionary of another build',
      otherWords,
      `${dictionaryFile} has other words than this version of the Worker expects`,
    ],
  ])('%s stops every sign-up, and the log says why', async (_, answer, reason) => {
    const client = withAssets({ fetch: async () => answer() });
    const email = newEmail();
    for (const chosen of [password, 'password12345678']) {
      const response = await client('POST', '/auth/signup', { json: { email, password: chosen } });
      expect(response.headers.get('Retry-After')).toBe('5');
      await expectProblem(response, 503, 'service_unavailable');
    }
    expect((await well('POST', '/auth/token', { json: { email, password } })).status).toBe(401);
    const lines = errorsLogged();
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line).toMatchObject({ message: 'service_unavailable', error: { cause: { message: reason } } });
    expect(JSON.stringify(lines)).not.toContain(password);
  });

  it('nobody changes a password, and a wrong one is still told', async () => {
    const { access_token: bearer, user } = await newAccount(well);
    const change = (current: string) =>
      without('POST', '/auth/password', {
        bearer,
        json: { current_password: current, new_password: nextPassword },
      });
    await expectProblem(await change(password), 503, 'service_unavailable');
    await expectProblem(await change('not this one at all'), 401, 'invalid_credentials');
    const login = await well('POST', '/auth/token', { json: { email: user.email, password } });
    expect(login.status).toBe(200);
  });

  it('a reset link is not used up', async () => {
    const { email } = (await newAccount(well)).user;
    await well('POST', '/auth/password/forgot', { json: { email } });
    const token = await tokenIn(email, 'reset_password', 'reset_password');
    const json = { token, password: nextPassword };
    await expectProblem(await without('POST', '/auth/password/reset', { json }), 503, 'service_unavailable');
    expect((await well('POST', '/auth/password/reset', { json })).status).toBe(204);
  });

  it('an administrator creates no account with a password', async () => {
    const { access_token: bearer } = await newAdmin(well);
    const response = await without('POST', '/users', { bearer, json: { email: newEmail(), password } });
    await expectProblem(response, 503, 'service_unavailable');
  });

  it('people log in, refresh and read as always', async () => {
    const { user, refresh_token } = await newAccount(well);
    const login = await without('POST', '/auth/token', { json: { email: user.email, password } });
    expect(login.status).toBe(200);
    const { access_token: bearer } = await login.json<{ access_token: string }>();
    expect((await without('GET', '/auth/me', { bearer })).status).toBe(200);
    expect((await without('POST', '/auth/refresh', { json: { refresh_token } })).status).toBe(200);
  });
});

describe('an isolate that has not read the password dictionary', () => {
  it('tries again with the next request', async () => {
    const client = withAssets(coldAssets(missing, otherWords));
    const signUp = async () =>
      (await client('POST', '/auth/signup', { json: { email: newEmail(), password } })).status;
    expect([await signUp(), await signUp(), await signUp()]).toEqual([503, 503, 201]);
  });

  it('judges all passwords that come at once, and reads it once', async () => {
    const assets = coldAssets();
    const client = withAssets(assets);
    const signUp = async (chosen: string) =>
      (await client('POST', '/auth/signup', { json: { email: newEmail(), password: chosen } })).status;
    const chosen = [password, 'Password123456!', nextPassword, 'monkeymonkeymonkey'];
    expect(await Promise.all(chosen.map(signUp))).toEqual([201, 422, 201, 422]);
    expect(assets.fetch).toHaveBeenCalledTimes(1);
  });
});

it('the password dictionary has no address', async () => {
  for (const path of [`/${dictionaryFile}`, `/docs/assets/${dictionaryFile}`])
    await expectProblem(await well('GET', path), 404, 'not_found');
  expect((await ASSETS.fetch(`https://assets.local/${dictionaryFile}`)).status).toBe(200);
});

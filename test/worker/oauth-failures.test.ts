import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import { createGithubProvider } from '../../src/sso/providers/github.ts';
import { createOidcProvider } from '../../src/sso/providers/oidc.ts';
import { createProviderFetch } from '../../src/sso/providers/requests.ts';
import { cookiesOf, createClient } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import {
  attemptIn,
  clientSecret,
  comeBack,
  createProvider,
  discovery,
  issuer,
  json,
  newPerson,
  setOut,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';

const provider = createProvider();
const variables = { ...withProvider, LOG_LEVEL: 'debug' };

let logged: MockInstance<typeof console.log>;
beforeEach(() => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => logged.mockRestore());
const log = () => logged.mock.calls.flat().join('\n');

/** The Accept header of a browser. */
const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** Comes back from the provider with an error in place of a code. */
const refused = async (error: string, headers: Record<string, string> = json) => {
  const client = createClient(variables);
  const { location, sealed } = await setOut(client);
  const to = provider.consent(location, newPerson());
  to.searchParams.delete('code');
  to.searchParams.set('error', error);
  to.searchParams.set('error_description', '<b>canary-of-the-provider</b>');
  return comeBack(client, to, sealed, headers);
};

describe('a provider that refuses', () => {
  it.each([
    ['access_denied', 400, 'oauth_failed'],
    ['login_required', 400, 'oauth_failed'],
    ['invalid_scope', 400, 'oauth_failed'],
    ['canary-of-a-client', 400, 'oauth_failed'],
    ['server_error', 503, 'service_unavailable'],
    ['temporarily_unavailable', 503, 'service_unavailable'],
  ])('with %s is %i %s, and its own words are neither shown nor logged', async (error, status, code) => {
    const response = await refused(error);
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toEqual([status, code]);
    expect(attemptIn(response)?.value).toBe('');
    expect(cookiesOf(response).size).toBe(1);
    expect(text + log()).not.toContain('canary');
  });

  it('is a page with a way back for browsers, and a problem for other clients', async () => {
    const page = await refused('access_denied', browser);
    expect([page.status, page.headers.get('Content-Type')]).toEqual([400, 'text/html; charset=UTF-8']);
    const html = await page.text();
    expect(html).toContain('Acme was not allowed to tell us who you are');
    expect(html).toContain('href="/account"');
    expect(html).not.toContain('canary');

    for (const Accept of ['application/problem+json', 'application/json', '*/*']) {
      const problem = await refused('access_denied', { Accept });
      expect(problem.headers.get('Content-Type')).toBe('application/problem+json');
    }
  });

  it('is a page for browsers at an unknown provider too', async () => {
    const response = await createClient(variables)('GET', '/auth/oauth/nobody', { headers: browser });
    expect([response.status, response.headers.get('Content-Type')]).toEqual([
      404,
      'text/html; charset=UTF-8',
    ]);
  });
});

const text = (body: string, init?: ResponseInit) => () => new Response(body, init);
const jsonOf =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status });
const large = () => Response.json({ ...discovery, padding: 'a'.repeat(300_000) });
const lost = () => Promise.reject(new TypeError('Network connection lost.'));

describe('a provider that gives no answer is 503, and never a login or a logout', () => {
  it.each<[string, 'discovery' | 'token' | 'jwks', () => Response | Promise<Response>]>([
    ['cannot be reached', 'discovery', lost],
    ['has a failure in the place of its discovery document', 'discovery', jsonOf({}, 500)],
    ['has a page in its place', 'discovery', text('<html>', { headers: { 'Content-Type': 'text/html' } })],
    ['has one of another issuer', 'discovery', jsonOf({ ...discovery, issuer: 'https://evil.example' })],
    ['spells its issuer in another way', 'discovery', jsonOf({ ...discovery, issuer: `${issuer}/` })],
    ['has one without endpoints', 'discovery', jsonOf({ issuer })],
    [
      'has a plain endpoint',
      'discovery',
      jsonOf({ ...discovery, authorization_endpoint: 'http://idp.example/a' }),
    ],
    [
      'has a script for an endpoint',
      'discovery',
      jsonOf({ ...discovery, authorization_endpoint: 'javascript:1' }),
    ],
    ['has one of any size', 'discovery', large],
    [
      'leads elsewhere',
      'discovery',
      text('', { status: 302, headers: { Location: 'https://evil.example' } }),
    ],
    ['cannot be reached for the code', 'token', lost],
    ['fails at the code', 'token', jsonOf({ error: 'server_error' }, 500)],
    ['does not know us any more', 'token', jsonOf({ error: 'invalid_client' }, 401)],
    ['has a page for the code', 'token', text('<html>', { headers: { 'Content-Type': 'text/html' } })],
    ['answers the code at any length', 'token', large],
    ['cannot be reached for its keys', 'jwks', lost],
    ['has a failure for its keys', 'jwks', jsonOf({}, 503)],
    // Proves ASVS 10.5.3; ASVS 13.2.4.
  ])('where it %s', async (_, part, answer) => {
    provider.twist({ answers: { [part]: answer } });
    const client = createClient(variables);
    const begun = await setOut(client);
    const response =
      part === 'discovery'
        ? await client('GET', '/auth/oauth/acme', { headers: json })
        : await comeBack(client, provider.consent(begun.location, newPerson()), begun.sealed, json);
    expect(await verdictOf(response)).toEqual([503, 'service_unavailable']);
    expect(response.headers.get('Retry-After')).toBe('5');
    expect(cookiesOf(response).has('itsor_session')).toBe(false);
  });

  it.each<[string, 'discovery' | 'token', () => Response, string]>([
    [
      'answers that it does not know the client, with a challenge',
      'token',
      () =>
        Response.json(
          { error: 'invalid_client', error_description: 'canary' },
          { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="canary"' } },
        ),
      'the identity provider acme: invalid_client',
    ],
    [
      'has only a challenge for an answer',
      'token',
      text('canary', { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="canary"' } }),
      'the identity provider acme: invalid_client',
    ],
    [
      'has the error in its challenge',
      'token',
      text('', { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_client", x="canary"' } }),
      'the identity provider acme: invalid_client',
    ],
    [
      'has an unknown error in its challenge',
      'token',
      text('', { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="canary"' } }),
      'the identity provider acme: unknown_error',
    ],
    [
      'is for every tenant',
      'discovery',
      jsonOf({ ...discovery, issuer: 'https://canary.example/{tenantid}/v2.0' }),
      'names another issuer than OIDC_PROVIDERS',
    ],
    [
      'ends its issuer with a slash',
      'discovery',
      jsonOf({ ...discovery, issuer: `${issuer}/` }),
      'names another issuer than OIDC_PROVIDERS',
    ],
  ])('and the log names the cause, in words of ours, where it %s', async (_, part, answer, cause) => {
    provider.twist({ answers: { [part]: answer } });
    const client = createClient(variables);
    const begun = part === 'token' ? await setOut(client) : null;
    const response = begun
      ? await comeBack(client, provider.consent(begun.location, newPerson()), begun.sealed, json)
      : await client('GET', '/auth/oauth/acme', { headers: json });
    expect(await verdictOf(response)).toEqual([503, 'service_unavailable']);
    expect(log()).toContain(cause);
    expect(log()).not.toContain('canary');
  });

  it('when its ID token is unreadable', async () => {
    provider.twist({ idToken: () => 'not.a.token' });
    const response = await signOn(createClient(variables), provider, newPerson());
    expect(await verdictOf(response)).toEqual([503, 'service_unavailable']);
  });

  it('when it is silent, within its time limit', async () => {
    const silent = (_: unknown, init?: RequestInit) =>
      new Promise<Response>((__, reject) =>
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
      );
    const common = { redirectUri: 'http://127.0.0.1/', fetch: createProviderFetch(silent), timeoutMs: 50 };
    const config = {
      id: 'acme',
      name: 'Acme',
      issuer,
      clientId: 'c',
      clientSecret: new Secret(clientSecret),
      authMethod: null,
      scopes: ['openid'],
    };
    const scope = { now: new Date(), signal: new AbortController().signal };
    const attempt = { provider: 'acme', state: 's', nonce: 'n', codeVerifier: 'v', returnTo: '/' };
    const answer = new URLSearchParams({ code: 'c', state: 's' });
    const oidc = createOidcProvider({ ...common, provider: config });
    const github = createGithubProvider({ ...common, app: config });
    for (const ask of [
      () => oidc.authorizationUrl(scope, attempt),
      () => oidc.identify(scope, answer, attempt),
      () => github.identify(scope, answer, attempt),
    ])
      await expect(ask()).rejects.toMatchObject({ code: 'service_unavailable' });
  });
});

it('a request that ends before the provider answers is one 504, and no failure of the provider', async () => {
  const silent = (init: RequestInit | undefined) =>
    new Promise<Response>((_, reject) =>
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
    );
  for (const part of ['discovery', 'token'] as const) {
    const client = createClient({ ...variables, REQUEST_TIMEOUT_MS: '300' });
    const trip = part === 'token' ? await setOut(client) : null;
    provider.twist({ answers: { [part]: silent } });
    const response = trip
      ? await comeBack(client, provider.consent(trip.location, newPerson()), trip.sealed, json)
      : await client('GET', '/auth/oauth/acme', { headers: json });
    expect(await verdictOf(response)).toEqual([504, 'timeout']);
    provider.twist({});
  }
  await scheduler.wait(50);
  expect(log()).not.toContain('service_unavailable');
});

describe('a database that fails during the callback of a provider', () => {
  it('is 503 without a session', async () => {
    provider.twist({ database: lost });
    const response = await signOn(createClient(variables), provider, newPerson());
    expect(await verdictOf(response)).toEqual([503, 'service_unavailable']);
    expect(cookiesOf(response).has('itsor_session')).toBe(false);
  });

  it('has created the account if only its answer is lost, and the next login finds it', async () => {
    const client = createClient(variables);
    const person = newPerson();
    provider.twist({
      database: async (run) => {
        await run();
        return lost();
      },
    });
    expect((await signOn(client, provider, person)).status).toBe(503);
    provider.twist({});
    expect((await signOn(client, provider, person)).status).toBe(303);
    expect(await sql`select from users where email = ${person.email}`).toHaveLength(1);
  });
});

it('the log holds no secret of a login at a provider, whatever its outcome', async () => {
  const person = newPerson({ sub: 'canary-subject', email: 'canary-address@example.com' });
  const seen: string[] = [clientSecret, btoa(`itsor-at-idp:${clientSecret}`), 'canary'];
  for (const twist of [
    {},
    { foreignKey: true },
    { claims: (claims: object) => ({ ...claims, nonce: 'canary-nonce' }) },
    { answers: { token: jsonOf({ error: 'canary-error', error_description: 'canary' }, 400) } },
    { answers: { token: jsonOf({ access_token: 'canary-token' }) } },
    { answers: { jwks: jsonOf({ keys: 'canary' }) } },
    { answers: { discovery: jsonOf({ issuer: 'https://canary.example' }) } },
  ]) {
    const client = createClient(variables);
    const { location, sealed } = await setOut(client);
    provider.twist(twist);
    const to = provider.consent(location, person);
    seen.push(sealed, ...['state', 'nonce'].map((name) => new URL(location).searchParams.get(name) ?? ''));
    seen.push(to.searchParams.get('code') ?? '');
    await comeBack(client, to, sealed, json);
  }
  expect(log()).toContain('/auth/oauth/:provider/callback');
  for (const secret of seen) expect(log()).not.toContain(secret);
});

it('logins at providers are counted by provider and outcome', async () => {
  const metricsToken = 'metrics-token-of-this-test';
  const client = createClient({ ...variables, ENABLE_METRICS: '1', METRICS_TOKEN: metricsToken });
  const person = newPerson();
  await signOn(client, provider, person);
  await signOn(client, provider, person);
  await client('GET', '/auth/oauth/acme/callback?code=x&state=y', { headers: json });
  const text = await (await client('GET', '/metrics', { bearer: metricsToken })).text();
  const counted = [...text.matchAll(/itsor_oauth_total\{provider="acme",outcome="(\w+)"\} (\d+)/g)];
  expect(Object.fromEntries(counted.map(([, outcome, count]) => [outcome, Number(count)]))).toMatchObject({
    started: 2,
    created: 1,
    known: 1,
    oauth_failed: 1,
  });
});

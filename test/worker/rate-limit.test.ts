import { createExecutionContext, env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import worker from '../../src/index.ts';
import { type Client, createClient, newAccount, newAddress } from '../support/worker/client.ts';

const origin = 'http://localhost:3002';
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const limitedTo = (max: number, address?: string, variables: Record<string, string> = {}) =>
  createClient({ RATE_LIMIT_MAX: String(max), ...variables }, address);

/** How many of the requests, one after the other, were admitted. */
const admittedOf = async (requests: readonly (() => Promise<Response>)[]): Promise<number> => {
  let admitted = 0;
  for (const request of requests) if ((await request()).status !== 429) admitted++;
  return admitted;
};
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const me = (client: Client, bearer?: string) => () => client('GET', '/auth/me', bearer ? { bearer } : {});

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('1,000 concurrent requests of one address', () => {
  // Proves ASVS 2.3.2; ASVS 2.4.1; RateLimit draft, RateLimit.
  it('are admitted exactly 100 times, whichever isolate they come through', async () => {
    const address = newAddress();
    const isolates = times(10, () => limitedTo(100, address));
    const responses = await Promise.all(
      times(1_000, (i) => isolates[i % 10]?.('GET', '/auth/me') as Promise<Response>),
    );

    const admitted = responses.filter(({ status }) => status === 401);
    expect(admitted).toHaveLength(100);
    // Each admitted request has a different number of remaining requests, so none was counted twice.
    expect(new Set(admitted.map(({ headers }) => headers.get('RateLimit')))).toEqual(
      new Set(times(100, (remaining) => `"default";r=${remaining};t=60`)),
    );
    const refused = responses.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(900);
    for (const { headers } of refused) expect(headers.get('Retry-After')).toBe('60');
  });

  // Proves ASVS 4.1.3.
  it('are admitted exactly 100 times however path, method and headers are spelled', async () => {
    const client = limitedTo(100);
    const paths = [
      '/auth/me',
      '/auth/%6de',
      '/%61uth/m%65',
      '//auth/me',
      '/auth//me',
      '/auth/me/',
      '/auth/me?a=b',
    ];
    const others = [
      '/AUTH/ME',
      '/users/me/export',
      '/auth/sessions',
      '/nothing/here',
      '/auth/%',
      '/auth/%2e%2e/me',
    ];
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
    const spoofed = [
      'X-Forwarded-For',
      'X-Real-IP',
      'Forwarded',
      'True-Client-IP',
      'X-Client-IP',
      'Via',
      'Client-IP',
    ];
    const all = [...paths, ...others];

    const responses = await Promise.all(
      times(1_000, (i) =>
        client(methods[i % methods.length] ?? '', `${origin}${all[i % all.length]}`, {
          headers: { [spoofed[i % spoofed.length] ?? '']: `for=203.0.113.${i % 250}, 198.51.100.${i % 250}` },
        }),
      ),
    );
    expect(responses.filter(({ status }) => status !== 429)).toHaveLength(100);
    expect(new Set(responses.map(({ headers }) => headers.get('RateLimit-Policy')))).toEqual(
      new Set(['"default";q=100;w=60']),
    );
  });
});

describe('the answer to a refused request', () => {
  // Proves RateLimit draft, quota-exceeded.
  it('is a problem of the type that the draft registers, with all three fields', async () => {
    const client = limitedTo(1);
    await client('GET', '/auth/me');
    later(17_500);
    const response = await client('GET', '/auth/me', { headers: { 'X-Request-ID': 'mine' } });

    expect(response.status).toBe(429);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(response.headers.get('Retry-After')).toBe('43');
    expect(response.headers.get('RateLimit-Policy')).toBe('"default";q=1;w=60');
    expect(response.headers.get('RateLimit')).toBe('"default";r=0;t=43');
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too many requests',
      status: 429,
      detail: 'Wait as long as Retry-After says.',
      code: 'rate_limited',
      request_id: 'mine',
      'violated-policies': ['default'],
    });
  });

  // Proves RateLimit draft, RateLimit-Policy.
  it('is a window in whole seconds, rounded up', async () => {
    const client = limitedTo(7, undefined, { RATE_LIMIT_WINDOW_MS: '90500' });
    const { headers } = await client('GET', '/auth/me');
    expect(headers.get('RateLimit-Policy')).toBe('"default";q=7;w=91');
    expect(headers.get('RateLimit')).toBe('"default";r=6;t=91');
  });
});

describe('the window', () => {
  it('slides, so that each request leaves it exactly one window after it came', async () => {
    const address = newAddress();
    // A new isolate each time, so that the counts refuse and not the memory of a refusal.
    const request = me((...args) => limitedTo(4, address)(...args));

    expect(await admittedOf([request, request])).toBe(2);
    later(30_000);
    expect(await admittedOf([request, request, request])).toBe(2);
    later(29_999);
    expect((await request()).headers.get('Retry-After')).toBe('1');
    later(1);
    expect(await admittedOf([request, request, request])).toBe(2);
    expect((await request()).headers.get('Retry-After')).toBe('30');
  });

  // Proves RFC 9110, 10.2.3.
  it('admits a client again exactly when Retry-After has passed, in the isolate that refused it', async () => {
    const client = limitedTo(1);
    await client('GET', '/auth/me');
    const refused = await client('GET', '/auth/me');
    later(Number(refused.headers.get('Retry-After')) * 1000 - 1);
    expect((await client('GET', '/auth/me')).status).toBe(429);
    later(1);
    expect((await client('GET', '/auth/me')).status).toBe(401);
  });
});

describe('the owner of a request', () => {
  const from = (...addresses: string[]) => addresses.map((address) => me(limitedTo(1, address)));

  it('is the /64 of an IPv6 address, and no more than that', async () => {
    const network = newAddress().replace('::1', '');
    const neighbour = newAddress();
    expect(
      await admittedOf(from(`${network}::1`, `${network}:ffff:ffff:ffff:ffff`, `${network}:0:0::2`)),
    ).toBe(1);
    expect(await admittedOf(from(neighbour))).toBe(1);
  });

  it('is one IPv4 client, mapped into IPv6 or not', async () => {
    expect(
      await admittedOf(from('192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:c000:0207')),
    ).toBe(1);
    expect(await admittedOf(from('::ffff:192.0.2.8'))).toBe(1);
  });

  it('is the user of a valid token, across addresses', async () => {
    const account = await newAccount(createClient());
    const neighbour = await newAccount(createClient());
    const [home, office] = [newAddress(), newAddress()];
    const requests = [home, office, home].map((address) => me(limitedTo(2, address), account.access_token));
    expect(await admittedOf(requests)).toBe(2);
    expect(await admittedOf([me(limitedTo(2, home), neighbour.access_token)])).toBe(1);
    expect(await admittedOf([me(limitedTo(2, home))])).toBe(1);
  });

  it('is the address for a token that is garbage, expired or malformed', async () => {
    const { access_token: expired } = await newAccount(createClient({ JWT_ACCESS_MINUTES: '1' }));
    later(120_000);
    const client = limitedTo(4);
    const bad = ['made.up.token', 'another.bad.one', expired, 'a b', 'c'];
    expect(await admittedOf(bad.map((bearer) => me(client, bearer)))).toBe(4);
    const cookie = () => client('GET', '/auth/me', { cookies: { itsor_session: 'made.up.token' } });
    expect((await cookie()).status).toBe(429);
  });

  // Proves ASVS 15.3.4.
  it('is one bucket for all requests without an address, which is never skipped', async () => {
    const bindings = { ...env, RATE_LIMIT_MAX: '3' } as Bindings;
    const anonymous = (headers: Record<string, string>) => async () => {
      const request = new Request(`${origin}/auth/me`, { headers });
      return worker.fetch(request as Parameters<typeof worker.fetch>[0], bindings, createExecutionContext());
    };
    const requests = [
      {},
      { 'X-Forwarded-For': '203.0.113.1' },
      { 'CF-Connecting-IP': 'not an address' },
      { 'CF-Connecting-IP': '203.0.113.1, 203.0.113.2' },
      { 'X-Real-IP': '203.0.113.3' },
    ].map((headers) => anonymous(headers as Record<string, string>));
    expect(await admittedOf(requests)).toBe(3);
  });
});

describe('the classes of routes', () => {
  const policyOf = async (response: Promise<Response>) => (await response).headers.get('RateLimit-Policy');

  // Proves ASVS 2.4.1; RateLimit draft, RateLimit-Policy.
  it('have separate buckets, so that an exhausted one leaves the others unchanged', async () => {
    const client = limitedTo(10);
    await admittedOf(times(11, () => me(client)));
    expect(await policyOf(client('POST', '/auth/token'))).toBe('"login";q=8;w=60');
    expect(await policyOf(client('POST', '/auth/signup'))).toBe('"signup";q=6;w=60');
    expect(await policyOf(client('POST', '/auth/refresh'))).toBe('"refresh";q=8;w=60');
    expect(await policyOf(client('POST', '/auth/logout'))).toBe('"default";q=10;w=60');

    const signups = times(6, () => () => client('POST', '/auth/signup'));
    expect(await admittedOf(signups)).toBe(5);
    const refused = await client('POST', '/auth/signup');
    expect(await refused.json()).toMatchObject({ 'violated-policies': ['signup'] });
    expect((await client('POST', '/auth/token')).status).not.toBe(429);
  });

  it('follow the matched route, whatever the spelling of the path', async () => {
    const client = limitedTo(5);
    const spellings = ['/auth/token', '/auth/%74oken', '/%61%75th/token', '/auth/token?x', '/auth/toke%6E'];
    expect(await admittedOf(spellings.map((path) => () => client('POST', path)))).toBe(4);
  });

  it('count sign-ups and logins per network, whatever valid tokens the requests have', async () => {
    const [one, two] = [await newAccount(createClient()), await newAccount(createClient())];
    const client = limitedTo(5);
    const bearers = [one, two, one, two, one, two].map(({ access_token }) => access_token);
    const attempts = (path: string) => bearers.map((bearer) => () => client('POST', path, { bearer }));
    expect(await admittedOf(attempts('/auth/signup'))).toBe(3);
    expect(await admittedOf(attempts('/auth/token'))).toBe(4);
  });

  it('never let a small RATE_LIMIT_MAX close a class altogether', async () => {
    const client = limitedTo(1);
    expect(await policyOf(client('POST', '/auth/signup'))).toBe('"signup";q=1;w=60');
  });
});

describe('requests without a limit', () => {
  it.each([
    '/health',
    '/healthz',
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/openapi.json',
  ])('%s', async (path) => {
    const client = limitedTo(1);
    for (const method of ['GET', 'HEAD', 'GET']) {
      const response = await client(method, path);
      expect(response.status).toBe(200);
      expect(response.headers.has('RateLimit')).toBe(false);
    }
    expect(await admittedOf([me(client), me(client)])).toBe(1);
  });

  it('include a preflight, even for a blocked client', async () => {
    const client = limitedTo(1);
    const preflight = () =>
      client('OPTIONS', '/auth/me', {
        headers: { Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'GET' },
      });
    expect((await preflight()).status).toBe(204);
    expect(await admittedOf([me(client), me(client)])).toBe(1);
    expect((await preflight()).status).toBe(204);
  });
});

describe('the Durable Object of a limit', () => {
  it('is not called for a key that is known to be blocked, until it is admitted again', async () => {
    let calls = 0;
    const getByName = (name: string) => {
      calls++;
      return env.RATE_LIMITER.getByName(name);
    };
    const client = limitedTo(2, undefined, { RATE_LIMITER: { getByName } as never });
    expect(await admittedOf(times(3, () => me(client)))).toBe(2);
    expect(calls).toBe(3);
    later(59_999);
    const flood = await Promise.all(times(50, () => client('GET', '/auth/me')));
    expect(flood.every(({ status }) => status === 429)).toBe(true);
    expect(flood[0]?.headers.get('RateLimit')).toBe('"default";r=0;t=1');
    expect(calls).toBe(3);
    later(1);
    expect((await client('GET', '/auth/me')).status).toBe(401);
    expect(calls).toBe(4);
  });

  it.each([
    ['rejects', () => ({ hit: () => Promise.reject(new Error('the object is gone')) })],
    [
      'throws',
      () => {
        throw new Error('the object is gone');
      },
    ],
    // Proves ASVS 16.3.4; ASVS 16.5.2.
  ])('is no reason to refuse when it %s: requests pass, and the log says so', async (_, getByName) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const client = limitedTo(1, undefined, { RATE_LIMITER: { getByName } as never });
    for (const response of [await client('GET', '/auth/me'), await client('GET', '/auth/me')]) {
      expect(response.status).toBe(401);
      expect(response.headers.has('RateLimit')).toBe(false);
    }
    expect(log).toHaveBeenCalledTimes(2);
    expect(JSON.parse(String(log.mock.calls[0]?.[0]))).toMatchObject({
      level: 'error',
      message: 'the rate limiter cannot be reached',
      policy: 'default',
    });
  });
});

import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { type Client, createClient, newAccount } from '../support/worker/client.ts';
import { countRoundTrips } from '../support/worker/database.ts';
import { everyKindOfResponse } from '../support/worker/responses.ts';

const app = 'https://app.example.com';
const admin = 'https://admin.example.com:8443';
const variables = { ALLOWED_ORIGINS: `${app}, ${admin}`, RATE_LIMIT_MAX: '1000' };
const client = createClient(variables);

const corsHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));
const readable = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers':
    'X-Request-ID, RateLimit, RateLimit-Policy, Retry-After, ETag, Location, Content-Disposition, Content-Range, Accept-Ranges',
});
const preflight = (origin: string, path = '/auth/me', by: Client = client) =>
  by('OPTIONS', path, {
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'DELETE',
      'Access-Control-Request-Headers': 'authorization,content-type',
    },
  });

describe('an allowed origin', () => {
  // Proves ASVS 3.4.2; Fetch, CORS protocol: responses.
  it.each([app, admin])('%s reads with credentials, and sees the fields that it needs', async (origin) => {
    const { access_token: bearer } = await newAccount(client);
    const response = await client('GET', '/auth/me', { bearer, headers: { Origin: origin } });
    expect(response.status).toBe(200);
    expect(corsHeaders(response)).toEqual(readable(origin));
    expect(response.headers.get('Vary')).toBe('Origin');
  });

  it.each([
    ['GET', '/healthz', 200],
    ['GET', '/auth/me', 401],
    ['GET', '/nothing', 404],
    ['POST', '/auth/me', 405],
    ['POST', '/auth/signup', 422],
    ['POST', '/auth/logout', 204],
    // Proves Fetch, CORS protocol: responses.
  ])('reads the answer to %s %s too (%i), so that it learns the error', async (method, path, status) => {
    const response = await client(method, path, { headers: { Origin: app } });
    expect(response.status).toBe(status);
    expect(corsHeaders(response)).toEqual(readable(app));
  });

  // Proves Fetch, CORS protocol: responses.
  it('reads Retry-After', async () => {
    const limited = createClient({ ...variables, RATE_LIMIT_MAX: '1' });
    const request = () => limited('GET', '/auth/me', { headers: { Origin: app } });
    await request();
    const response = await request();
    expect(response.status).toBe(429);
    expect(response.headers.get('Retry-After')).toBe('60');
    expect(corsHeaders(response)).toEqual(readable(app));
  });

  // Proves Fetch, CORS-preflight fetch.
  it('learns from a preflight which headers it may send, for ten minutes', async () => {
    for (const path of ['/auth/me', '/auth/sessions/1', '/nothing']) {
      const response = await preflight(app, path);
      expect(response.status).toBe(204);
      expect(response.body).toBeNull();
      expect(corsHeaders(response)).toEqual({
        ...readable(app),
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers':
          'Content-Type, X-Request-ID, If-Match, If-None-Match, Range, If-Range, traceparent, tracestate, Authorization, x-amz-checksum-sha256',
        'access-control-max-age': '600',
      });
    }
  });

  it('may send the token in the configured header', async () => {
    const response = await preflight(app, '/', createClient({ ...variables, JWT_HEADER_NAME: 'X-Token' }));
    expect(response.headers.get('Access-Control-Allow-Headers')).toContain('X-Token');
  });

  it('may send the headers of CORS_ALLOWED_HEADERS too, and another origin none', async () => {
    const generous = createClient({ ...variables, CORS_ALLOWED_HEADERS: 'baggage,sentry-trace' });
    const response = await preflight(app, '/', generous);
    expect(response.headers.get('Access-Control-Allow-Headers')).toMatch(/, baggage, sentry-trace$/);
    expect(corsHeaders(await preflight('https://evil.example', '/', generous))).toEqual({});
  });

  it('can be that of an app, exactly as it is written', async () => {
    const origin = 'capacitor://localhost';
    const mobile = createClient({ ...variables, ALLOWED_ORIGINS: `${app},${origin}` });
    const send = (from: string) => mobile('POST', '/auth/logout', { headers: { Origin: from } });
    const response = await send(origin);
    expect(response.status).toBe(204);
    expect(corsHeaders(response)).toEqual(readable(origin));
    for (const from of ['capacitor://evil', 'capacitor://localhost.evil', 'ionic://localhost', 'null']) {
      const refused = await send(from);
      expect(refused.status).toBe(403);
      expect(corsHeaders(refused)).toEqual({});
    }
  });

  it('can be a local frontend at any port, whatever else is configured', async () => {
    const local = createClient();
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:3001', 'http://[::1]:5173']) {
      const response = await local('GET', '/health', { headers: { Origin: origin } });
      expect(corsHeaders(response)).toEqual(readable(origin));
    }
  });
});

// Proves ASVS 3.4.2; Fetch, CORS check.
describe('any other origin gets no Access-Control header at all', () => {
  it.each([
    ...['null', '*', '', 'app.example.com', 'https://', 'about:blank', 'file://', 'https://example.com'],
    ...[`${app}.evil.com`, `${app}evil.com`, `${app}.`, `${app}:443`, `${app}:8443`, `${app}/`, `${app}#`],
    ...['https://evilapp.example.com', 'https://evil-app.example.com', 'https://x.app.example.com'],
    ...[
      'http://app.example.com',
      'HTTPS://app.example.com',
      'https://App.example.com',
      'ws://app.example.com',
    ],
    ...[
      'https://user@app.example.com',
      `${app}@evil.com`,
      `https://evil.com/${app}`,
      `https://evil.com?${app}`,
    ],
    ...[`${app}, https://evil.com`, `https://evil.com, ${app}`, `${app} https://evil.com`, `${app},${admin}`],
    ...['https://app%2eexample.com', 'https://app.example.com%00.evil.com', 'https://app_example.com'],
    ...['https://admin.example.com', 'https://admin.example.com:8444'],
    ...['http://localhost.evil.example', 'http://127.0.0.1.evil.example:4000', 'http://192.168.1.5:4000'],
  ])('"%s"', async (origin) => {
    for (const path of ['/health', '/healthz', '/auth/me', '/docs', '/nothing']) {
      const response = await client('GET', path, { headers: { Origin: origin } });
      expect(corsHeaders(response)).toEqual({});
      expect(response.headers.get('Vary')).toBe('Origin');
    }
    const asked = await preflight(origin);
    expect(corsHeaders(asked)).toEqual({});
    expect(asked.headers.get('Vary')).toBe('Origin');
    const refused = await client('POST', '/auth/logout', { headers: { Origin: origin } });
    expect(refused.status).toBe(403);
    expect(corsHeaders(refused)).toEqual({});
  });

  // Proves Fetch, CORS check.
  it('not even with a valid token', async () => {
    const { access_token: bearer } = await newAccount(client);
    const response = await client('GET', '/auth/me', { bearer, headers: { Origin: 'https://evil.com' } });
    expect(corsHeaders(response)).toEqual({});
  });

  it('nor does a request without Origin', async () => {
    expect(corsHeaders(await client('GET', '/health'))).toEqual({});
  });
});

// Proves RFC 9110, 12.5.5; Fetch, CORS protocol and HTTP caches.
it.each(everyKindOfResponse)('%s (%i) varies by Origin', async (_, status, request) => {
  const response = await request();
  await response.body?.cancel();
  expect(response.status).toBe(status);
  expect(response.headers.get('Vary')).toBe('Origin');
});

describe('OPTIONS', () => {
  // Proves Fetch, CORS-preflight fetch.
  it('as a preflight reaches neither limiter nor database, with whatever credentials', async () => {
    let objectCalls = 0;
    const counted = (namespace: DurableObjectNamespace) => ({
      getByName: (name: string) => {
        objectCalls++;
        return namespace.getByName(name);
      },
    });
    const watched = createClient({
      ...variables,
      RATE_LIMITER: counted(env.RATE_LIMITER as never) as never,
      LOGIN_GUARD: counted(env.LOGIN_GUARD as never) as never,
    });
    const roundTrips = await countRoundTrips(async () => {
      for (const path of ['/auth/me', '/auth/token', '/readyz', '/nothing']) {
        expect((await preflight(app, path, watched)).status).toBe(204);
        expect((await preflight('https://evil.com', path, watched)).status).toBe(204);
      }
    });
    expect({ roundTrips, objectCalls }).toEqual({ roundTrips: 0, objectCalls: 0 });
  });

  it.each([
    ['without an Origin', { 'Access-Control-Request-Method': 'GET' }],
    ['without a method that it asks for', { Origin: app }],
    ['alone', {}],
    // Proves ASVS 4.1.4; RFC 9110, 10.2.1.
  ])('%s is no preflight: it is counted, and told which methods there are', async (_, headers) => {
    const response = await client('OPTIONS', '/auth/me', { headers: headers as Record<string, string> });
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe('GET, HEAD');
    expect(response.headers.has('RateLimit')).toBe(true);
    expect(response.headers.has('Access-Control-Allow-Methods')).toBe(false);
  });
});

import { createClient, newEmail, password } from './client.ts';

const never = () => new Promise<never>(() => undefined);
const client = createClient({ ALLOWED_ORIGINS: 'https://app.example.com' });
const hanging = createClient({
  REQUEST_TIMEOUT_MS: '100',
  RATE_LIMITER: { getByName: () => ({ hit: never }) } as never,
});
const broken = createClient({ ASSETS: { fetch: () => Promise.reject(new Error('gone')) } as never });
const deaf = createClient({
  DATABASE_URL: 'postgres://itsor_app:x@unreachable.localhost/itsor',
  NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql',
});
const limited = createClient({ RATE_LIMIT_MAX: '1' });
const json = { 'Content-Type': 'application/json' };

/** A response of every kind and of every layer of the app. */
export const everyKindOfResponse: readonly [string, number, () => Promise<Response>][] = [
  ['JSON', 200, () => client('GET', '/health')],
  ['the liveness probe', 200, () => client('GET', '/healthz')],
  ['the head of one', 200, () => client('HEAD', '/healthz')],
  ['an HTML page', 200, () => client('GET', '/docs')],
  ['a file', 200, () => client('GET', '/docs/assets/swagger-ui.css')],
  ['tokens', 201, () => client('POST', '/auth/signup', { json: { email: newEmail(), password } })],
  ['no content', 204, () => client('POST', '/auth/logout')],
  [
    'a preflight',
    204,
    () =>
      client('OPTIONS', '/auth/me', {
        headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' },
      }),
  ],
  ['a body that is no JSON', 400, () => client('POST', '/auth/signup', { body: '{', headers: json })],
  ['no token', 401, () => client('GET', '/auth/me')],
  ['a cross-site request', 403, () => client('POST', '/auth/logout', { headers: { Origin: 'null' } })],
  ['no route', 404, () => client('GET', '/nothing')],
  ['another method', 405, () => client('PUT', '/auth/me')],
  [
    'a body that is too large',
    413,
    () => client('POST', '/auth/signup', { body: 'x'.repeat(65_537), headers: json }),
  ],
  ['a body of another type', 415, () => client('POST', '/auth/signup', { body: '{}' })],
  ['members that are missing', 422, () => client('POST', '/auth/signup', { json: {} })],
  ['too many requests', 429, async () => (await limited('GET', '/auth/me')) && limited('GET', '/auth/me')],
  ['our own error', 500, () => broken('GET', '/docs/assets/swagger-ui.css')],
  ['a database that is away', 503, () => deaf('GET', '/readyz')],
  ['a wrong configuration', 503, () => createClient({ JWT_ALGORITHM: 'none' })('GET', '/auth/me')],
  ['a request that takes too long', 504, () => hanging('GET', '/auth/me')],
];

import { env } from 'cloudflare:test';
import { Hono } from 'hono';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { errorCatalogue } from '../../src/platform/errors.ts';
import type { AppEnv } from '../../src/platform/http/app-env.ts';
import { respondWithProblem, toAppError } from '../../src/platform/http/problem.ts';
import { onlyErrors } from '../../src/platform/middleware/failures.ts';
import { requestContext } from '../../src/platform/middleware/request-context.ts';
import { createWorker } from '../../src/worker.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';

const client = createClient();
const json = { 'Content-Type': 'application/json' };
const problemOf = async (response: Response) => ({
  type: response.headers.get('Content-Type'),
  body: await response.json(),
});

afterEach(() => void vi.restoreAllMocks());

describe('every failure is one problem+json', () => {
  it('of a request without a context', async () => {
    const clock = () => {
      throw new Error('no time');
    };
    vi.spyOn(console, 'log').mockReturnValue();
    const response = await createWorker(env as never, { clock }).app.request('/auth/me');
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: 'internal_error', request_id: expect.any(String) });
  });

  // Proves ASVS 4.1.1; RFC 9457, 3.
  it('for an unknown route', async () => {
    const response = await client('GET', '/nothing/here', { headers: { 'X-Request-ID': 'my-own.id_1' } });
    expect(response.status).toBe(404);
    expect(response.headers.get('X-Request-ID')).toBe('my-own.id_1');
    expect(await problemOf(response)).toEqual({
      type: 'application/problem+json',
      body: {
        type: '/docs/errors#not_found',
        title: 'Not found',
        status: 404,
        detail:
          'There is nothing at this address. Check it for typing mistakes; the documentation lists every path.',
        code: 'not_found',
        request_id: 'my-own.id_1',
      },
    });
  });

  it.each([
    ['PUT', '/auth/signup', 'POST'],
    ['POST', '/auth/me', 'GET, HEAD'],
    ['GET', '/auth/sessions/1', 'DELETE'],
    ['DELETE', '/healthz', 'GET, HEAD'],
    // Proves ASVS 4.1.4; RFC 9110, 10.2.1; RFC 9110, 15.5.6.
  ])('for %s %s, with the methods that there are', async (method, path, allow) => {
    const response = await client(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe(allow);
    expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
  });

  it.each([
    ['not JSON', '{"email":', json, 400, 'malformed_json'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), json, 400, 'malformed_json'],
    ['JSON as text/plain', '{}', { 'Content-Type': 'text/plain' }, 415, 'unsupported_media_type'],
    [
      'JSON in another charset',
      '{}',
      { 'Content-Type': 'application/json; charset=utf-16' },
      415,
      'unsupported_media_type',
    ],
    ['a compressed body', '{}', { ...json, 'Content-Encoding': 'gzip' }, 415, 'unsupported_media_type'],
    ['a body that is too large', `{"email":"${'x'.repeat(65_536)}"}`, json, 413, 'payload_too_large'],
    ['a JSON array', '[]', json, 422, 'validation_failed'],
    ['JSON null', 'null', json, 422, 'validation_failed'],
    ['no body', null, {}, 422, 'validation_failed'],
    // Proves ASVS 2.2.2; ASVS 15.3.5; RFC 9457, 3.
  ] as const)('for %s', async (_, body, headers, status, code) => {
    const response = await client('POST', '/auth/signup', { body, headers });
    expect(response.status).toBe(status);
    expect(await problemOf(response)).toMatchObject({
      type: 'application/problem+json',
      body: { status, code },
    });
  });

  // Proves ASVS 4.2.1.
  it('counts the bytes of a body, whatever its Content-Length', async () => {
    const chunk = new TextEncoder().encode('x'.repeat(10_000));
    let sent = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        sent += chunk.length;
        if (sent > 10_000_000) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const response = await client('POST', '/auth/signup', { body: endless, headers: json });
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(1_200_000);
  });

  it.each([
    ['an Error', new Error('the password is hunter2')],
    ['a string', 'the password is hunter2'],
    ['undefined', undefined],
    ['an object', { message: 'the password is hunter2' }],
    // Proves ASVS 13.4.2; ASVS 16.5.1; ASVS 16.5.4.
  ])('for %s that is thrown, with a fixed text', async (_, thrown) => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const app = new Hono<AppEnv>()
      .use(
        requestContext({ log, clock: () => new Date(), newRequestId: () => 'id', timeoutMs: 1000 }),
        onlyErrors,
      )
      .onError((error, c) => respondWithProblem(c, toAppError(error)))
      .get('/', () => {
        throw thrown;
      });
    const response = await app.request('/');
    expect(response.status).toBe(500);
    const { body } = await problemOf(response);
    expect(body).toMatchObject({ code: 'internal_error', detail: errorCatalogue.internal_error.detail });
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  it('replaces a harmful request id', async () => {
    for (const id of ['a b', 'x'.repeat(129), '<script>', 'a\u00e9']) {
      const response = await client('GET', '/healthz', { headers: { 'X-Request-ID': id } });
      expect(response.headers.get('X-Request-ID')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('a database that cannot be reached', () => {
  const dead = createClient({
    DATABASE_URL: 'postgres://itsor_app:x@unreachable.localhost/itsor',
    NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql',
  });

  // Proves ASVS 16.5.2.
  it('is 503 on every route that needs it', async () => {
    const account = await client('POST', '/auth/signup', { json: { email: newEmail(), password } });
    const { access_token: bearer } = await account.json<{ access_token: string }>();
    const cookie = account.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ');
    const responses = await Promise.all([
      dead('POST', '/auth/signup', { json: { email: newEmail(), password } }),
      dead('POST', '/auth/token', { json: { email: newEmail(), password } }),
      dead('POST', '/auth/refresh', { headers: { Cookie: cookie } }),
      dead('POST', '/auth/logout', { bearer }),
      dead('POST', '/auth/revoke', { form: { token: bearer } }),
      dead('GET', '/auth/me', { bearer }),
      dead('GET', '/users/me', { bearer }),
      dead('GET', '/auth/sessions', { bearer }),
      dead('DELETE', `/auth/sessions/${crypto.randomUUID()}`, { bearer }),
    ]);
    for (const response of responses) {
      expect(response.status).toBe(503);
      expect(response.headers.get('Retry-After')).toBe('1');
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await response.json()).toMatchObject({ code: 'service_unavailable' });
    }
  });

  it('does not affect /healthz, and /readyz names the failed check', async () => {
    expect((await dead('GET', '/healthz')).status).toBe(200);
    const ready = await dead('GET', '/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      status: 'unavailable',
      checks: {
        config: 'ok',
        database: 'failing',
        migrations: 'failing',
        durable_objects: 'ok',
        hasher: 'ok',
        password_dictionary: 'ok',
        storage: 'ok',
        scanner: 'ok',
      },
      // Unknown while the database is down.
      dead_letters: { uploads: null },
      version: expect.any(String),
    });
  });

  it('does not count against the account as a wrong password', async () => {
    const email = newEmail();
    await client('POST', '/auth/signup', { json: { email, password } });
    const owner = '198.51.100.1';
    const [outage, back] = [
      createClient(
        {
          DATABASE_URL: 'postgres://itsor_app:x@unreachable.localhost/itsor',
          NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql',
        },
        owner,
      ),
      createClient({}, owner),
    ];
    for (let i = 0; i < 6; i++) await outage('POST', '/auth/token', { json: { email, password } });
    expect((await back('POST', '/auth/token', { json: { email, password } })).status).toBe(200);
  });
});

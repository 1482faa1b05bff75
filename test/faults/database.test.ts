import { afterEach, beforeEach, describe, expect, inject, it, type MockInstance, vi } from 'vitest';
import {
  createClient,
  newAccount,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { type Fault, injectFault, lostReply, silence } from '../support/worker/database-faults.ts';
import { databaseRequests } from '../support/worker/database-routes.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { operations } from '../support/worker/routes.ts';

const timeoutMs = 250;
const variables = { RATE_LIMIT_MAX: '10000' };
const well = createClient({ ...variables, LOG_LEVEL: 'error' });
const hasty = createClient({ ...variables, REQUEST_TIMEOUT_MS: String(timeoutMs) });

const requests = Object.entries(await databaseRequests(well));

let logged: MockInstance<typeof console.log>;
beforeEach(() => {
  logged = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void vi.restoreAllMocks());

it('the requests here are to every route that needs the database', () => {
  const without = [
    'GET /health',
    'GET /healthz',
    'GET /.well-known/jwks.json',
    'GET /.well-known/oauth-authorization-server',
    'GET /openapi.json',
    'GET /flags',
  ];
  // Not there under the local scanner, without a provider, or without a client (test/worker/introspection.test.ts).
  const absent = [
    'POST /auth/introspect',
    'POST /webhooks/scan-result',
    'GET /auth/oauth/{provider}',
    'GET /auth/oauth/{provider}/callback',
  ];
  const pages = ['GET /docs', 'GET /docs/errors', 'GET /docs/assets/{file}'];
  const covered = new Set(requests.map(([name]) => name.replace(/ \(.*/, '')));
  const hint =
    'routes with a request in test/support/worker/database-routes.ts, or in a list of this test if it needs no database';
  expect([...covered, ...without, ...pages, ...absent, 'GET /readyz'].sort(), hint).toEqual(
    Object.keys(operations).sort(),
  );
});

describe('a database that never answers', () => {
  it.each(requests)(
    'is 504 on %s within the time of a request, and its connection is closed',
    async (_, send) => {
      const { statements } = injectFault(silence);
      const startedMs = performance.now();
      const response = await send(hasty);
      const tookMs = performance.now() - startedMs;
      await expectProblem(response, 504, 'timeout');
      expect(tookMs).toBeGreaterThanOrEqual(timeoutMs - 5);
      expect(tookMs).toBeLessThan(timeoutMs + 2_000);
      expect(statements.length).toBeGreaterThan(0);
      for (const { signal } of statements) expect(signal?.aborted).toBe(true);
    },
  );

  it('does not make /readyz wait for ever, and leaves /healthz alone', async () => {
    const { statements } = injectFault(silence);
    await expectProblem(await hasty('GET', '/readyz'), 504, 'timeout');
    expect((await hasty('GET', '/healthz')).status).toBe(200);
    expect(statements.map(({ signal }) => signal?.aborted)).toEqual([true]);
  });

  it('is forgotten as soon as it answers again', async () => {
    const { access_token: bearer, user } = await newAccount(well);
    const { repair } = injectFault(silence);
    const during = await Promise.all([
      hasty('GET', '/auth/me', { bearer }),
      hasty('POST', '/auth/token', { json: { email: user.email, password } }),
    ]);
    expect(during.map(({ status }) => status)).toEqual([504, 504]);
    repair();
    expect((await hasty('GET', '/auth/me', { bearer })).status).toBe(200);
    const login = await well('POST', '/auth/token', { json: { email: user.email, password } });
    expect(login.status).toBe(200);
  });

  it('is not one that is slow: an answer in time is an answer', async () => {
    const { access_token: bearer } = await newAccount(well);
    injectFault(async ({ run }) => {
      await scheduler.wait(timeoutMs / 5);
      return run();
    });
    expect((await hasty('GET', '/auth/me', { bearer })).status).toBe(200);
  });
});

/** What may stand between an app and its database, and what a database says that is on its way down. */
const text =
  (status: number, body: string, type = 'text/html') =>
  () =>
    new Response(body, { status, headers: { 'Content-Type': type } });
const json = (status: number, body: unknown) => text(status, JSON.stringify(body), 'application/json');
const secret = 'select-hunter2';
const garbage: readonly [string, () => Response][] = [
  ['200 with a page', text(200, `<html>${secret}</html>`)],
  ['200 with nothing', text(200, '')],
  ['200 with half a JSON text', text(200, `{"fields":[{"name":"${secret}","dataTy`, 'application/json')],
  ['200 with null', json(200, null)],
  ['200 with a list', json(200, [])],
  ['200 with an empty object', json(200, {})],
  ['200 with a string', json(200, secret)],
  ['200 with an error in it', json(200, { error: secret })],
  ['200 with rows but no columns', json(200, { rows: [[secret]] })],
  ['200 with columns but no rows', json(200, { fields: [] })],
  ['200 with nulls for both', json(200, { fields: null, rows: null })],
  ['204', () => new Response(null, { status: 204 })],
  ['400 with a page', text(400, `<html>${secret}</html>`)],
  ['400 without a reason', json(400, {})],
  ['400 with a reason but no code', json(400, { message: secret })],
  ['401', json(401, { message: secret })],
  ['404 with a page', text(404, secret)],
  ['413', text(413, secret)],
  ['429', json(429, { message: secret })],
  ['500 with a page', text(500, `<html>${secret}</html>`)],
  ['500 with JSON', json(500, { message: secret, code: 'XX000' })],
  ['502', text(502, secret)],
  ['503', json(503, { message: secret })],
  ...[
    '08006',
    '28P01',
    '3D000',
    '40001',
    '40P01',
    '53300',
    '57014',
    '57P01',
    '57P03',
    '58030',
    '42501',
    '42P01',
  ].map((code): [string, () => Response] => [`SQLSTATE ${code}`, json(400, { message: secret, code })]),
];
const faults: readonly [string, Fault][] = [
  ...garbage.map(([name, answer]): [string, Fault] => [name, async () => answer()]),
  ['a connection that is refused', () => Promise.reject(new TypeError('Network connection lost.'))],
  [
    'a connection that breaks off in the answer',
    async () =>
      new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError(secret)) })),
  ],
];

describe('a database that answers garbage', () => {
  // Proves ASVS 16.5.2.
  it.each(faults)('is 503 on every route that needs it: %s', async (_, fault) => {
    injectFault(fault);
    for (const [name, send] of requests) {
      const response = await send(well);
      expect(response.headers.get('Retry-After'), name).toBe('1');
      expect(await expectProblem(response, 503, 'service_unavailable'), name).not.toContain(secret);
    }
    const ready = await well('GET', '/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'unavailable', checks: { database: 'failing' } });
  });

  it('is logged with the reason, and never with a parameter of the statement', async () => {
    injectFault(async () => json(503, { message: 'the compute node is asleep' })());
    await well('POST', '/auth/signup', { json: { email: 'who@example.com', password } });
    const lines = logged.mock.calls.join('\n');
    expect(lines).toContain('the compute node is asleep');
    expect(lines).not.toContain('who@example.com');
    expect(lines).not.toContain('$argon2');
    expect(lines).not.toContain(new URL(inject('databaseUrl')).password);
  });
});

describe('a statement that got no answer', () => {
  /** No delivery of a mail runs beside what is counted. */
  const quiet = createClient({ ...variables, LOG_LEVEL: 'error', MAIL_QUEUE: silentQueue });
  /** The first statement meets the fault; the next ones reach the database. */
  const failingOnce = (fault: Fault) => {
    const injected = injectFault(async (statement) =>
      injected.statements.length === 1 ? fault(statement) : statement.run(),
    );
    return injected;
  };
  const refused: Fault = () => Promise.reject(new TypeError('Network connection lost.'));
  /** The statement is committed, and the connection breaks before its answer. */
  const broken: Fault = async ({ run }) => {
    await run();
    throw new TypeError('Network connection lost.');
  };
  const moments: readonly [string, Fault][] = [
    ['it could not be sent', refused],
    ['its connection broke', broken],
    ...faults.filter(([name]) =>
      ['500 with a page', '502', '503', 'SQLSTATE 08006', 'SQLSTATE 57P01', 'SQLSTATE 57P03'].includes(name),
    ),
    ['its answer broke off', faults.at(-1)?.[1] ?? refused],
  ];

  it.each(moments)('is tried once more if it only reads: %s', async (_, fault) => {
    const { access_token: bearer, user } = await newAccount(quiet);
    const { statements, repair } = failingOnce(fault);
    const me = await quiet('GET', '/auth/me', { bearer });
    repair();
    expect(me.status).toBe(200);
    expect(await me.json()).toMatchObject({ id: user.id });
    expect(statements).toHaveLength(2);
  });

  it.each(moments)('is tried once only if it writes: %s', async (_, fault) => {
    const json = { email: newEmail(), password };
    const { statements, repair } = failingOnce(fault);
    const signUp = await quiet('POST', '/auth/signup', { json });
    repair();
    await expectProblem(signUp, 503, 'service_unavailable');
    expect(statements).toHaveLength(1);
  });

  it('is not tried a third time', async () => {
    const { access_token: bearer } = await newAccount(quiet);
    const { statements, repair } = injectFault(refused);
    const me = await quiet('GET', '/auth/me', { bearer });
    repair();
    await expectProblem(me, 503, 'service_unavailable');
    expect(statements).toHaveLength(2);
  });

  it.each(faults.filter(([name]) => ['401', '429', 'SQLSTATE 42501', 'SQLSTATE 53300'].includes(name)))(
    'is not tried again after an answer that another try would get too: %s',
    async (_, fault) => {
      const { access_token: bearer } = await newAccount(quiet);
      const { statements, repair } = failingOnce(fault);
      const me = await quiet('GET', '/auth/me', { bearer });
      repair();
      await expectProblem(me, 503, 'service_unavailable');
      expect(statements).toHaveLength(1);
    },
  );

  it('is not tried again without a failure, nor once its request has ended', async () => {
    const { access_token: bearer } = await newAccount(quiet);
    const healthy = injectFault(({ run }) => run());
    await quiet('GET', '/auth/me', { bearer });
    healthy.repair();
    expect(healthy.statements).toHaveLength(1);
    // One that no session gate knows yet.
    const { access_token: unknown } = await newAccount(quiet);
    const silent = injectFault(silence);
    await expectProblem(await hasty('GET', '/auth/me', { bearer: unknown }), 504, 'timeout');
    silent.repair();
    expect(silent.statements).toHaveLength(1);
  });

  it('is repeated in a transaction that cannot write', async () => {
    const { access_token: bearer } = await newAccount(quiet);
    const modes: (string | null)[] = [];
    const passOn = globalThis.fetch;
    const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
      if (String(target) !== inject('neonEndpoint')) return passOn(target, init);
      modes.push(new Headers(init?.headers).get('Neon-Batch-Read-Only'));
      if (modes.length === 1) throw new TypeError('Network connection lost.');
      return passOn(target, init);
    });
    const me = await quiet('GET', '/auth/me', { bearer });
    spy.mockRestore();
    expect(me.status).toBe(200);
    expect(modes).toEqual([null, 'true']);
  });
});

describe('a reply that is lost: 504 after the database has committed, and a retry is safe', () => {
  const losing = async (send: (client: typeof well) => Promise<Response>) => {
    const { repair } = injectFault(lostReply);
    await expectProblem(await send(hasty), 504, 'timeout');
    repair();
    return send(well);
  };

  it('of a sign-up says that the account is there, and it is a whole one', async () => {
    const json = { email: newEmail(), password };
    const retry = await losing((client) => client('POST', '/auth/signup', { json }));
    await expectProblem(retry, 409, 'email_taken');
    const login = await well('POST', '/auth/token', { json });
    expect(login.status).toBe(200);
    expect(await login.json()).toMatchObject({ user: { email: json.email, roles: ['user'] } });
  });

  it('of a refresh gets the successor that was lost, within the grace', async () => {
    const { refresh_token } = await newAccount(well);
    const retry = await losing((client) => client('POST', '/auth/refresh', { json: { refresh_token } }));
    expect(retry.status).toBe(200);
    const successor = await retry.json<Tokens>();
    const me = await well('GET', '/auth/me', { bearer: successor.access_token });
    expect(me.status).toBe(200);
    const next = await well('POST', '/auth/refresh', { json: { refresh_token: successor.refresh_token } });
    expect(next.status).toBe(200);
  });

  it('of a logout or a revocation has ended the session', async () => {
    for (const path of ['/auth/logout', '/auth/revoke']) {
      const { access_token: bearer, refresh_token } = await newAccount(well);
      const retry = await losing((client) =>
        path === '/auth/logout'
          ? client('POST', path, { bearer })
          : client('POST', path, { form: { token: refresh_token } }),
      );
      expect(retry.ok, path).toBe(true);
      await expectProblem(await well('GET', '/auth/me', { bearer }), 401, 'session_revoked');
    }
  });

  it('of a login logs in, however often it is lost, and locks nobody out', async () => {
    const { email } = (await newAccount(well)).user;
    for (let attempt = 0; attempt < 6; attempt++) {
      const retry = await losing((client) => client('POST', '/auth/token', { json: { email, password } }));
      expect(retry.status).toBe(200);
    }
  });
});

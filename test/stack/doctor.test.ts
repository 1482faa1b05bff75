import { execFile } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { calculateJwkThumbprint } from 'jose';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../scripts/doctor/report.ts';
import { inspectService } from '../../scripts/doctor/service.ts';
import { newPrivateKey } from '../../scripts/secrets/rotation.ts';
import { startTestDatabase } from '../support/node/database.ts';

type Run = { status: number; stdout: string; output: string };

/** As a person runs it, with no variables but these. */
const doctor = (variables: Record<string, string>, ...args: string[]): Promise<Run> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...variables };
    execFile(process.execPath, ['scripts/doctor/doctor.ts', ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, output: stdout + stderr }),
    );
  });

const reportOf = ({ stdout }: Run): Report => JSON.parse(stdout) as Report;
const finding = (report: Report, check: string) => report.findings.find((each) => each.check === check);

const secrets = {
  JWT_SECRET: 'Zm9yIHNpZ25pbmcsIGFuZCBhcyBsb25nIGFzIGl0IGhhcyB0byBiZQ==',
  SECRET_KEY: 'YW5vdGhlciBvbmUsIGFuZCBhcyBsb25nIGFzIGl0IGhhcyB0byBiZQ==',
  RESEND_API_KEY: 're_a_key_that_nobody_may_see',
};
const production = {
  ...secrets,
  APP_URL: 'https://app.example.com',
  FROM_EMAIL: 'itsor@example.com',
  DATABASE_URL: 'postgres://itsor_app:a-password-of-the-app@127.0.0.1:1/itsor?sslmode=require',
};

describe('npm run doctor', () => {
  test('finds nothing to repair in an untouched environment', async () => {
    const run = await doctor({ BACKEND_ENV: 'local' });
    expect(run.output).toContain('Nothing to repair');
    expect(run.status).toBe(0);
  });

  test('says what is wrong by name, exits 1, and prints no secret, to people and to machines', async () => {
    const variables = {
      ...production,
      BACKEND_ENV: 'production',
      RATE_LIMIT_MAX: 'many',
      FLAG_NOBODY_KNOWS: '1',
    };
    for (const args of [[], ['--all'], ['--json']]) {
      const run = await doctor(variables, ...args);
      expect(run.status).toBe(1);
      expect(run.output).toContain('SESSION_COOKIE_SECURE');
      expect(run.output).toContain('must be a whole number');
      expect(run.output).toContain('FLAG_NOBODY_KNOWS');
      for (const secret of [...Object.values(secrets), 'a-password-of-the-app'])
        expect(run.output).not.toContain(secret);
    }
  });

  test('prints no password that stands in a URL, well-formed or not, to people and to machines', async () => {
    const variables = {
      APP_URL: 'https://bob:hunter2@app.example.com',
      API_URL: 'https://bob:hunter2@',
      ALLOWED_ORIGINS: `https://a.example,https://bob:hunter2${'x'.repeat(80)}@b.example`,
      NEON_HTTP_ENDPOINT: 'https://bob:hunter2@neon.example/sql',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://hunter2@otel.example.com',
      CLAMD_ADDRESS: 'bob:hunter2@clamd',
      JWT_ISSUER: 'host=db password=hunter2',
    };
    for (const args of [[], ['--all'], ['--json']]) {
      const run = await doctor(variables, ...args);
      expect(run.output).toContain('[redacted]@app.example.com');
      expect(run.output).not.toContain('hunter2');
    }
    for (const url of ['http://bob:hunter2@127.0.0.1:9', 'http://bob:hunter2@', 'ftp://bob:hunter2@host']) {
      const run = await doctor({}, '--url', url);
      expect(run.status).toBe(1);
      expect(run.output).toMatch(/^--url wants a URL/);
      expect(run.output).not.toContain('hunter2');
    }
  });

  test('warns of a collector with the path of traces, and prints no query', async () => {
    const run = await doctor(
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.example.com/v1/traces?x=hunter2' },
      '--json',
    );
    const line = reportOf(run).variables.find(({ name }) => name === 'OTEL_EXPORTER_OTLP_ENDPOINT');
    expect(line).toMatchObject({
      level: 'warning',
      value: 'https://otel.example.com/v1/traces?[redacted]',
      notes: [expect.stringContaining('not added twice')],
    });
    expect(run.output).not.toContain('hunter2');
  });

  test('asks the providers of single sign-on, and exits 1 for an issuer that is spelled in another way', async () => {
    await using provider = {
      server: createServer((_, response) => {
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(document));
      }).listen(0, '127.0.0.1'),
      [Symbol.asyncDispose]: async () => void provider.server.close(),
    };
    await once(provider.server, 'listening');
    const issuer = `http://127.0.0.1:${(provider.server.address() as AddressInfo).port}`;
    const document = {
      issuer: `${issuer}/`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    };
    const entry = { id: 'acme', issuer, client_id: 'c', client_secret: 'hunter2' };
    const ask = (given: object) => doctor({ OIDC_PROVIDERS: JSON.stringify([given]) }, '--json');
    const wrong = await ask(entry);
    expect([wrong.status, finding(reportOf(wrong), 'sso acme')]).toEqual([
      1,
      expect.objectContaining({ level: 'failure', detail: expect.stringContaining(`${issuer}/`) }),
    ]);
    const right = await ask({ ...entry, issuer: `${issuer}/` });
    expect([right.status, finding(reportOf(right), 'sso acme')?.level]).toEqual([0, 'ok']);
    expect(wrong.output + right.output).not.toContain('hunter2');
  });

  test.each([['--env'], ['--url']])('takes an empty %s for a mistake', async (option) => {
    const run = await doctor({}, option, '');
    expect(run.status).toBe(1);
    expect(run.output).toMatch(new RegExp(`^${option} is empty\\.`));
  });

  test('tells where a value came from', async () => {
    const report = reportOf(await doctor({ JWT_ACCESS_TTL_MIN: '15', BACKEND_PORT: '4000' }, '--json'));
    const line = (name: string) => report.variables.find((each) => each.name === name);
    expect(line('JWT_ACCESS_MINUTES')).toMatchObject({ source: 'JWT_ACCESS_TTL_MIN', value: '15' });
    expect(line('BACKEND_PORT')).toMatchObject({ source: 'BACKEND_PORT', value: '4000' });
    expect(line('HOST')).toMatchObject({ source: 'default', value: 'localhost' });
  });

  test('finds a slip in the environment of a deployment', async () => {
    const { findings } = reportOf(
      await doctor({ ...production, JWT_SECERT: 'x' }, '--env', 'production', '--json'),
    );
    expect(findings).toContainEqual({
      level: 'warning',
      check: 'JWT_SECERT',
      detail: 'is not read; is JWT_SECRET meant?',
    });
  });

  test('says, as a note and no more, why the key set is empty and what to do', async () => {
    const run = await doctor({ BACKEND_ENV: 'local' });
    expect(run.output).toMatch(
      /i key set +the key set is empty because tokens are signed with HS256: other services cannot verify them offline; npm run secrets:generate -- --algorithm ES256/,
    );
    expect(run.output).toContain('Nothing to repair');
    expect(run.output).not.toContain('to look at');
    expect(run.status).toBe(0);
  });

  test('compares the key that signs with the key set that a service has', async () => {
    const key = newPrivateKey('ES256');
    const jwk = createPublicKey(key).export({ format: 'jwk' });
    let keys: object[] = [];
    await using service = {
      server: createServer((_, response) => response.end(JSON.stringify({ keys }))).listen(0, '127.0.0.1'),
      [Symbol.asyncDispose]: async () => void service.server.close(),
    };
    await once(service.server, 'listening');
    const url = `http://127.0.0.1:${(service.server.address() as AddressInfo).port}`;
    const variables = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: key };
    const look = async () => {
      const run = await doctor(variables, '--json', '--url', url);
      expect(run.output).not.toContain(key.split('\n')[1]);
      return finding(reportOf(run), 'key set');
    };
    expect(await look()).toMatchObject({ level: 'failure', detail: expect.stringContaining('lacks') });
    keys = [{ ...jwk, alg: 'ES256', kid: await calculateJwkThumbprint(jwk) }];
    expect(await look()).toMatchObject({ level: 'ok', detail: expect.stringContaining('has the key') });
    expect(finding(reportOf(await doctor(variables, '--json')), 'key set')).toMatchObject({ level: 'ok' });
  });

  test('reminds of what a rotation has left behind', async () => {
    const run = await doctor({ JWT_SECRET_PREVIOUS: 'a-former-secret-of-more-than-32-bytes' }, '--json');
    const former = reportOf(run).variables.find(({ name }) => name === 'JWT_SECRET_PREVIOUS');
    expect(former).toMatchObject({ level: 'warning', notes: [expect.stringContaining('--retire')] });
    expect(run.status).toBe(0);
  });

  test('reads an environment of wrangler.toml, and says a sentence about one that there is not', async () => {
    const report = reportOf(await doctor(production, '--env', 'production', '--json'));
    expect(report).toMatchObject({ environment: 'production', strict: true });
    expect(report.variables.filter(({ level }) => level === 'failure')).toEqual([]);
    expect(finding(report, 'database')).toMatchObject({ level: 'failure' });
    const unknown = await doctor({}, '--env', 'nonsense');
    expect(unknown.status).toBe(1);
    expect(unknown.output).toContain('"nonsense"');
    expect(unknown.output).not.toContain(' at ');
  });
});

const server = process.env.TEST_DATABASE_URL;

describe.skipIf(!server)(`the database${server ? '' : ' (TEST_DATABASE_URL is unset)'}`, () => {
  test('is looked at as the role that the Worker has', async () => {
    await using stack = new AsyncDisposableStack();
    const database = await startTestDatabase(server);
    stack.defer(database.close);
    const as = (user: string) => {
      const url = new URL(database.adminUrl);
      [url.username, url.password] = [user, 'unchecked'];
      return url.href;
    };
    const variables = { DATABASE_URL: as('itsor_app'), MIGRATIONS_DATABASE_URL: as('itsor_migrator') };
    const good = reportOf(await doctor(variables, '--json'));
    for (const check of ['database', 'no DDL', 'rows', 'two roles', 'migrations'])
      expect(finding(good, check), check).toMatchObject({ level: 'ok' });

    expect(finding(good, 'sign-ups')).toBeUndefined();
    await using owner = {
      client: new Client(database.adminUrl),
      [Symbol.asyncDispose]: () => owner.client.end(),
    };
    await owner.client.connect();
    await owner.client.query(`update roles set permissions = '{roles:write}' where name = 'user'`);
    const generous = reportOf(await doctor(variables, '--json'));
    expect(finding(generous, 'sign-ups')).toMatchObject({ level: 'warning' });
    expect(finding(generous, 'sign-ups')?.detail).toContain('roles:write');

    const bad = reportOf(await doctor({ DATABASE_URL: as('itsor_migrator') }, '--json'));
    expect(finding(bad, 'no DDL')).toMatchObject({ level: 'failure' });
  });
});

describe('a database that lets one in', () => {
  const message = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const welcome = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))]);

  test.each([
    ['never answers', false, 'Query read timeout'],
    ['then hangs up', true, 'Connection terminated unexpectedly'],
  ])('and %s has failed', async (_, hangsUp, reason) => {
    const database = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write(welcome);
        if (hangsUp) socket.once('data', () => socket.destroy());
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => database.once('listening', resolve));
    const { port } = database.address() as AddressInfo;
    const run = await doctor({ DATABASE_URL: `postgres://app:pw@127.0.0.1:${port}/itsor` }, '--json');
    database.close();
    expect(run.status).toBe(1);
    expect(finding(reportOf(run), 'database')).toMatchObject({
      level: 'failure',
      detail: `127.0.0.1:${port}/itsor does not answer: ${reason}`,
    });
  });
});

describe('a service', () => {
  const serve = async (listener: RequestListener) => {
    const service = createServer(listener).listen(0, '127.0.0.1');
    await new Promise((resolve) => service.once('listening', resolve));
    return {
      url: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
      [Symbol.asyncDispose]: async () => {
        service.closeAllConnections();
        service.close();
      },
    };
  };

  const readiness = (others: Record<string, string> = {}) => {
    const own = ['config', 'database', 'migrations', 'durable_objects', 'hasher'];
    const checks = { ...Object.fromEntries(own.map((name) => [name, 'ok'])), ...others };
    return JSON.stringify({ status: 'ok', version: 'v1', checks });
  };

  test.each([
    ['a page', '<!doctype html><title>Welcome</title>'],
    ['other JSON', '{"status":"ok"}'],
    ['too few checks', '{"version":"v1","checks":{"database":"ok"}}'],
    ['no version', readiness().replace('"version":"v1",', '')],
    ['null', 'null'],
  ])('is none of Itsor that answers everything with %s', async (_, body) => {
    await using other = await serve((_request, response) => {
      response.setHeader('Set-Cookie', ['a=; HttpOnly; SameSite=lax', 'b=; HttpOnly; SameSite=lax']);
      response.end(body);
    });
    const report = reportOf(await doctor({}, '--json', '--url', other.url));
    expect(finding(report, '/readyz')).toMatchObject({
      level: 'failure',
      detail: '200, and does not answer as Itsor does',
    });
    expect(finding(report, 'cookies')).toMatchObject({
      level: 'failure',
      detail: '200: a logout does not clear itsor_session, itsor_session_refresh',
    });
  });

  test.each([
    ['max-age=31536000; includeSubDomains', []],
    ['includeSubDomains; Max-Age="63072000"', []],
    ['max-age=0', ['Strict-Transport-Security']],
    ['max-age=00000000', ['Strict-Transport-Security']],
    ['x-max-age=31536000', ['Strict-Transport-Security']],
  ])('that is strict and sends HSTS with %s', async (hsts, flawed) => {
    const headers = new Headers({
      'Content-Security-Policy': "default-src 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Strict-Transport-Security': hsts,
    });
    await using service = await serve((_request, response) => response.setHeaders(headers).end(readiness()));
    const promised = { strict: true, sameSite: 'lax', cookieNames: [], allowedOrigin: null };
    const found = (await inspectService(service.url, promised)).find(
      ({ check }) => check === 'security headers',
    );
    expect(found?.detail).toBe(
      flawed.length === 0 ? 'as they should be' : `missing or too weak: ${flawed.join(', ')}`,
    );
  });

  test('commands no terminal by what it says', async () => {
    await using rude = await serve((_request, response) =>
      response
        .writeHead(503)
        .end(JSON.stringify({ code: 'misconfigured', detail: '\u001b[2J\u001b]0;owned\u0007\u009b31mx' })),
    );
    for (const args of [[], ['--json']]) {
      const run = await doctor({}, ...args, '--url', rude.url);
      expect(run.stdout).toContain('misconfigured: ');
      expect(run.stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\\u00/u);
    }
  });

  test('that never comes to the end of an answer has failed', async () => {
    await using endless = await serve((_request, response) => void response.write('{"checks":'));
    const run = await doctor({}, '--json', '--url', endless.url);
    expect(run.status).toBe(1);
    expect(finding(reportOf(run), 'service')).toMatchObject({
      level: 'failure',
      detail: expect.stringContaining('does not answer: The operation was aborted due to timeout'),
    });
  });

  test.each([
    ['/api/auth', 'HttpOnly, Secure and SameSite as configured'],
    ['/', 'HttpOnly, Secure and SameSite as configured'],
    ['/auth', 'a has Path=/auth, so /api/auth/refresh never gets it; is API_URL {url}?'],
    ['/api/au', 'a has Path=/api/au, so /api/auth/refresh never gets it; is API_URL {url}?'],
    ['/API/auth', 'a has Path=/API/auth, so /api/auth/refresh never gets it; is API_URL {url}?'],
  ])('under a path is asked there, and a cookie with the path %s is judged by it', async (path, detail) => {
    const asked = new Set<string>();
    await using service = await serve((request, response) => {
      asked.add(request.url ?? '');
      response.setHeader('Set-Cookie', `a=; Path=${path}; HttpOnly; SameSite=lax`);
      response.end(readiness());
    });
    const promised = { strict: false, sameSite: 'lax', cookieNames: ['a'], allowedOrigin: null };
    const url = `${service.url}/api`;
    const findings = await inspectService(url, promised);
    expect([...asked]).toEqual(['/api/readyz', '/api/healthz', '/api/auth/logout', '/api/auth/token']);
    expect(findings.find(({ check }) => check === 'cookies')?.detail).toBe(detail.replace('{url}', url));
  });

  test('is taken at what it sends, not at what is configured', async () => {
    await using careless = await serve((request, response) => {
      if (request.method === 'OPTIONS')
        response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
      if (request.url === '/auth/logout')
        response.setHeader('Set-Cookie', [
          'itsor_session=; Path=/; SameSite=lax',
          'itsor_session_refresh=; Path=/',
        ]);
      response.setHeader('Content-Security-Policy', "default-src 'none'; script-src 'unsafe-inline'");
      response.end(readiness({ scanner: 'failing' }));
    });
    const report = reportOf(await doctor({}, '--json', '--url', careless.url));
    expect(finding(report, '/readyz')).toMatchObject({ level: 'warning', detail: 'without: scanner' });
    expect(finding(report, 'security headers')).toMatchObject({
      level: 'failure',
      detail: 'missing or too weak: Content-Security-Policy, X-Content-Type-Options',
    });
    expect(finding(report, 'cookies')).toMatchObject({
      level: 'failure',
      detail:
        'itsor_session lacks HttpOnly; itsor_session_refresh lacks HttpOnly; itsor_session_refresh is not SameSite=lax',
    });
    expect(finding(report, 'CORS, foreign')).toMatchObject({ level: 'failure' });
  });
});

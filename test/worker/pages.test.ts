import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createWorker } from '../../src/worker.ts';
import { createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { createVisitor, isForPeople } from '../support/worker/visitor.ts';

const client = createClient({ RATE_LIMIT_MAX: '10000' });

/** Every form, and the JSON route that does the same. */
const twins: Record<string, string> = {
  '/account/login': '/auth/token',
  '/account/signup': '/auth/signup',
  '/account/logout': '/auth/logout',
  '/account/sessions/end': '/auth/sessions',
  '/account/identities/unlink': '/users/me/identities',
  '/account/password': '/auth/password',
  '/account/email': '/auth/email/change',
  '/account/code': '/auth/email/verify',
  '/forgot-password': '/auth/password/forgot',
  '/reset-password': '/auth/password/reset',
  '/verify-email': '/auth/email/verify',
  '/verify-email/code': '/auth/email/verify',
  '/verify-email/resend': '/auth/email/resend',
  '/restore-email': '/auth/email/restore',
};
const forms = Object.keys(twins);
const pages = [
  '/account',
  '/forgot-password',
  '/reset-password?token=x',
  '/verify-email',
  '/verify-email?token=x',
];
const allPages = [...pages, '/restore-email?token=x', '/reset-password', '/restore-email'];

it('every form of the app is in the table of these tests', () => {
  const posts = createWorker(env as never)
    .app.routes.filter(({ method, path }) => method === 'POST' && isForPeople(path))
    .map(({ path }) => path);
  // A renewal passes forms on and reads none; test/worker/pages-renew.test.ts has it.
  expect([...new Set(posts)].sort()).toEqual([...forms, '/auth/renew'].sort());
});

describe.each(allPages)('GET %s', (path) => {
  it('is a page under a nonce, without a script, an inline style or anything foreign', async () => {
    const { headers, html } = await createVisitor(client).open(path);
    const policy = headers.get('Content-Security-Policy') ?? '';
    const nonce = /style-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
    expect(nonce).toHaveLength(24);
    expect(policy).toContain("form-action 'self'");
    expect(html).toMatch(/^<!doctype html><html lang="en">/);
    expect(html).not.toMatch(/<script|\sstyle=|\son\w+=|javascript:/);
    for (const [tag] of html.matchAll(/<style[^>]*>/g)) expect(tag).toBe(`<style nonce="${nonce}">`);
    for (const [, target] of html.matchAll(/(?:href|src|action)="([^"]*)"/g))
      expect(target).toMatch(/^(\/(?!\/)|#|data:,$)/);
  });

  it('is kept by no cache, and tells nobody the path that it was at', async () => {
    const { headers } = await createVisitor(client).open(path);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(headers.get('Referrer-Policy')).toBe('strict-origin');
  });

  it('has a main landmark with one heading, and a label for every field', async () => {
    const { html } = await createVisitor(client).open(path);
    expect(html.match(/<main>/g)).toHaveLength(1);
    expect(html.match(/<h1>/g)).toHaveLength(1);
    for (const [, id] of html.matchAll(/<input id="([^"]+)"/g)) expect(html).toContain(`<label for="${id}">`);
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe.each(forms)('POST %s', (path) => {
  it('is refused with a page when another site sends it', async () => {
    for (const headers of [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ] as Record<string, string>[]) {
      const refused = await createVisitor(client).send(path, {}, headers);
      expect(refused.status).toBe(403);
      expect(refused.headers.get('Content-Type')).toMatch(/^text\/html/);
      expect(refused.html).toContain('another site');
    }
  });

  it('answers what it cannot read with a page', async () => {
    const { access_token: bearer } = await (
      await client('POST', '/auth/signup', { json: { email: newEmail(), password } })
    ).json<{ access_token: string }>();
    for (const [type, body, status] of [
      ['application/json', '{}', 415],
      ['application/x-www-form-urlencoded', 'email=%ff', 400],
      ['application/x-www-form-urlencoded', 'a='.padEnd(65_537, 'x'), 413],
      ['application/x-www-form-urlencoded', 'unknown=1', path === '/account/logout' ? 422 : null],
    ] as const) {
      const response = await client('POST', path, { bearer, body, headers: { 'Content-Type': type } });
      if (status !== null) expect(response.status).toBe(status);
      expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
      await response.body?.cancel();
    }
  });

  it('counts against the same limit as the JSON route that does the same', async () => {
    const policyOf = async (method: string, target: string, init: Parameters<typeof client>[2]) =>
      (await client(method, target, init)).headers.get('RateLimit-Policy');
    const twin = twins[path] ?? '';
    const expected =
      twin === '/auth/sessions'
        ? await policyOf('DELETE', `${twin}/${crypto.randomUUID()}`, {})
        : await policyOf('POST', twin, { json: {} });
    expect(expected).not.toBeNull();
    expect(await policyOf('POST', path, { form: {} })).toBe(expected);
  });

  it('needs a form and a browser: opened, it leads to a page', async () => {
    const { status, location } = await createVisitor(client).open(path);
    if (status === 303) expect(['/account', '/verify-email']).toContain(location);
    else expect([200, 400]).toContain(status);
  });
});

describe('the name of the site', () => {
  const brandAt = async (url: string, variables = {}) => {
    const html = await (await createClient(variables)('GET', url)).text();
    return /<header><a href="([^"]*)"/.exec(html)?.[1];
  };

  it.each(['http://127.0.0.1:3002', 'http://localhost:3002'])(
    'leads to the account page at %s',
    async (own) => expect(await brandAt(`${own}/account`)).toBe('/account'),
  );

  it('leads to the frontend where APP_URL names one', async () => {
    const APP_URL = 'https://app.example.com';
    expect(await brandAt('/account', { APP_URL })).toBe(APP_URL);
  });
});

describe('failures that no form can be corrected about', () => {
  it('are pages with the id of the request, and none of the words that caused them', async () => {
    const deaf = createClient({
      DATABASE_URL: 'postgres://itsor_app:x@unreachable.localhost/itsor',
      NEON_HTTP_ENDPOINT: 'http://127.0.0.1:9/sql',
    });
    const { status, html, headers } = await createVisitor(deaf).send('/account/login', {
      identifier: newEmail(),
      password,
    });
    expect(status).toBe(503);
    expect(headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(html).toContain(headers.get('X-Request-ID'));
    expect(html).not.toMatch(/unreachable|127\.0\.0\.1:9|battery/);
  });

  it('say when to come back after too many requests', async () => {
    const limited = createVisitor(createClient({ RATE_LIMIT_MAX: '1' }));
    await limited.open('/account');
    const { status, headers, html } = await limited.open('/account');
    expect(status).toBe(429);
    expect(headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(html).toMatch(/Please try again in \d+ (seconds|minutes)\./);
  });

  it('are pages below the pages, and problems everywhere else', async () => {
    expect(await createVisitor(client).open('/account/nothing')).toMatchObject({
      status: 404,
      title: 'Not found – localhost:3002',
    });
    await expectProblem(await client('GET', '/accounts'), 404, 'not_found');
  });
});

describe('what was typed', () => {
  const hostile = `"><script>alert(1)</script>'<b>&amp;@example.com`;

  it.each([
    ['/account/login', { identifier: hostile, password: hostile }],
    ['/account/signup', { email: hostile, password: hostile }],
    ['/forgot-password', { email: hostile }],
    ['/verify-email/code', { email: hostile, code: hostile }],
    ['/verify-email/resend', { email: hostile }],
    ['/reset-password', { token: hostile, password: '' }],
    // Proves ASVS 3.2.2.
  ])('into %s comes back as text and nothing else', async (path, form) => {
    const { status, html } = await createVisitor(client).send(path, form);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
    expect(html).not.toContain('<script');
    expect(html).not.toContain('<b>');
  });

  it.each(['/verify-email', '/reset-password', '/restore-email'])(
    'as the token of a link to %s comes back as text and nothing else',
    async (path) => {
      const { html } = await createVisitor(client).open(`${path}?token=${encodeURIComponent(hostile)}`);
      expect(html).toContain('value="&quot;&gt;&lt;script&gt;');
      expect(html).not.toContain('<script');
    },
  );

  it('as the name of a notice is not shown at all', async () => {
    for (const name of ['<b>', 'constructor', '__proto__', 'nothing']) {
      const { html } = await createVisitor(client).open(`/account?done=${encodeURIComponent(name)}`);
      expect(html).not.toContain('role="status"');
    }
  });
});

describe('where cookies are no place for tokens', () => {
  const headersOnly = createClient({ JWT_TOKEN_LOCATION: 'headers' });

  it.each([...pages, '/restore-email?token=x'])('there is no %s', async (path) => {
    await expectProblem(await headersOnly('GET', path), 404, 'not_found');
  });

  it.each(forms)('there is no form at %s, and nothing is done', async (path) => {
    const email = newEmail();
    await expectProblem(await headersOnly('POST', path, { form: { email, password } }), 404, 'not_found');
    expect(await sql`SELECT id FROM users WHERE email = ${email}`).toEqual([]);
  });
});

describe('where APP_URL leads elsewhere', () => {
  const elsewhere = createVisitor(createClient({ APP_URL: 'https://app.example.com' }));

  it('the pages exist, and speak for that place', async () => {
    const { status, html, title } = await elsewhere.open('/account');
    expect(status).toBe(200);
    expect(title).toBe('Log in or sign up – app.example.com');
    expect(html).toContain('<a href="https://app.example.com">app.example.com</a>');
  });
});

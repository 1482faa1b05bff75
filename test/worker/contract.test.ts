import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/platform/errors.ts';
import type { Access } from '../../src/platform/http/route.ts';
import { forkPath } from '../../src/routes.ts';
import { createWorker } from '../../src/worker.ts';
import { createClient, newAccount } from '../support/worker/client.ts';
import { operations, permissionOf } from '../support/worker/routes.ts';
import { isForPeople } from '../support/worker/visitor.ts';

// Whatever is refused before the session is looked for counts for the network.
const client = createClient({ RATE_LIMIT_MAX: '10000' });
const table = Object.entries(operations);

describe('the table of operations', () => {
  it('has every route of the app but the pages of people, and no other', () => {
    const routes = createWorker(env as never)
      .app.routes.filter(
        ({ method, path }) => method !== 'ALL' && !isForPeople(path) && !path.startsWith(forkPath),
      )
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(Object.keys(operations).sort()).toEqual([...new Set(routes)].sort());
  });

  it('leaves without a rate limit only what costs no round trip, for anyone', () => {
    const unlimited = table.filter(([, { rate }]) => rate === 'unlimited');
    expect(unlimited.length).toBeGreaterThan(5);
    for (const [key, { access, budget }] of unlimited) {
      expect({ access, budget }, key).toEqual({ access: 'anyone', budget: { trips: 0, objects: 0 } });
    }
  });

  it('gives each route that hashes a rate class of its own, unless it needs a permission', () => {
    const hashing = table.filter(
      ([, { access, errors }]) => errors.includes('overloaded') && !permissionOf(access),
    );
    expect(hashing.length).toBeGreaterThan(4);
    for (const [key, { rate = 'default' }] of hashing)
      expect(['default', 'unlimited'], key).not.toContain(rate);
  });

  const sample = (path: string) => path.replace('{id}', crypto.randomUUID()).replace('{name}', 'support');
  const needLogin = table
    .filter(([, { access }]) => access === 'session' || permissionOf(access))
    .map(([key]) => key.split(' ') as [string, string]);
  const ofSecrets: ReadonlySet<Access> = new Set(['callback_secret', 'client']);
  const withBody = table
    // Neither is there without a secret of its own: scan-webhook.test.ts, introspection.test.ts.
    .filter(([, { json, oauthForm, access }]) => (json || oauthForm) && !ofSecrets.has(access))
    .map(([key]) => key.split(' ') as [string, string]);

  // Proves ASVS 8.3.1; RFC 6750, 3; RFC 9110, 15.5.2.
  it.each(needLogin)('%s %s refuses a request without a good token', async (method, path) => {
    for (const init of [{}, { bearer: 'made.up.token' }, { cookies: { itsor_session: 'made.up.token' } }]) {
      const response = await client(method, sample(path), init);
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
      expect(await response.json()).toMatchObject({ code: 'unauthenticated' });
    }
  });

  // Proves ASVS 2.2.2; ASVS 3.5.2; RFC 9110, 8.3.
  it.each(withBody)('%s %s refuses a body of another kind', async (method, path) => {
    const { access_token: bearer } = await newAccount(client);
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x']) {
      const response = await client(method, sample(path), {
        bearer,
        body: '{}',
        headers: { 'Content-Type': type },
      });
      expect(response.status).toBe(415);
    }
  });

  it.each(table.map(([key]) => key.split(' ') as [string, string]))(
    // Proves ASVS 3.4.5.
    '%s %s carries the security headers',
    async (method, path) => {
      const { headers } = await client(method, sample(path));
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'/);
      // The local mailbox shows mails, whose styles are inline; nothing runs there.
      const policy = headers.get('Content-Security-Policy') ?? '';
      const ofMails = path === '/dev/mailbox' ? "style-src 'unsafe-inline'" : '';
      expect(policy.replace(ofMails, '')).not.toMatch(/unsafe-/);
      expect(headers.get('X-Request-ID')).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
    },
  );
});

describe('GET /openapi.json', () => {
  it('describes every operation from the schemas that validate, with no reference that leads nowhere', async () => {
    const response = await client('GET', '/openapi.json');
    expect(response.headers.get('Content-Type')).toBe('application/json');
    const text = await response.text();
    const document = JSON.parse(text);
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = table.filter(([, { isLocal }]) => !isLocal).map(([key]) => key);
    expect(described.sort()).toEqual(served.sort());
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name ?? '');
    }
    expect(text).not.toContain('$defs');
    const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const { signup } = { signup: document.paths['/auth/signup'].post };
    expect(signup.requestBody.content['application/json'].schema).toMatchObject({
      required: ['email', 'password'],
      additionalProperties: false,
    });
  });
});

describe('the description of a download', () => {
  it('has its preconditions, its ranges, and every status that they lead to', async () => {
    const { paths } = await (await client('GET', '/openapi.json')).json<{
      paths: Record<
        string,
        { get: { parameters: { name: string; in: string }[]; responses: Record<string, object> } }
      >;
    }>();
    const { parameters, responses } = paths['/uploads/{id}/download']?.get ?? {};
    expect(parameters?.filter(({ in: where }) => where === 'header').map(({ name }) => name)).toEqual([
      'If-Match',
      'If-None-Match',
      'Range',
      'If-Range',
    ]);
    expect(Object.keys(responses ?? {})).toEqual(
      expect.arrayContaining(['200', '206', '304', '409', '412', '416']),
    );
  });
});

describe('the description of the webhook', () => {
  it('names the header of its secret', async () => {
    const { paths, components } = await (await client('GET', '/openapi.json')).json<{
      paths: Record<string, Record<string, { security: Record<string, string[]>[] }>>;
      components: { securitySchemes: Record<string, { in?: string; name?: string }> };
    }>();
    const [scheme = ''] = Object.keys(paths['/webhooks/scan-result']?.post?.security[0] ?? {});
    expect(components.securitySchemes[scheme]).toMatchObject({
      in: 'header',
      name: 'X-Scan-Callback-Secret',
    });
  });
});

describe('GET /docs', () => {
  // Proves ASVS 3.4.3; ASVS 3.6.1.
  it('is a page under a fresh nonce, without anything inline or foreign', async () => {
    const [one, two] = [await client('GET', '/docs'), await client('GET', '/docs')];
    const policy = one.headers.get('Content-Security-Policy') ?? '';
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
    expect(nonce).toHaveLength(24);
    expect(two.headers.get('Content-Security-Policy')).not.toContain(nonce);
    const html = await one.text();
    for (const [tag] of html.matchAll(/<(?:script|style|link rel="stylesheet")[^>]*>/g))
      expect(tag).toContain(`nonce="${nonce}"`);
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  // Proves ASVS 3.5.7; ASVS 13.4.3; ASVS 13.4.7.
  it('hands out the files of the viewer and nothing else of its package', async () => {
    for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
      const response = await client('GET', `/docs/assets/${file}`);
      expect(response.status, file).toBe(200);
      await response.body?.cancel();
    }
    for (const file of ['package.json', 'index.html', 'absolute-path.js', '..%2fpackage.json']) {
      expect((await client('GET', `/docs/assets/${file}`)).status, file).toBe(404);
    }
  });

  // Proves RFC 9457, 3.1.1.
  it('explains every error code where a problem type leads', async () => {
    const html = await (await client('GET', '/docs/errors')).text();
    for (const code of Object.keys(errorCatalogue)) expect(html).toContain(`id="${code}"`);
  });
});

import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import type { AppEnv } from '../../src/platform/http/app-env.ts';
import { securityHeaders } from '../../src/platform/middleware/browser-security.ts';
import { createClient } from '../support/worker/client.ts';
import { everyKindOfResponse } from '../support/worker/responses.ts';
import { strictEnv } from '../unit/config-fixtures.ts';

const fixed = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
};
/** The Cache-Control of public documents; every other response is `no-store`. */
const publicCache = /^public, max-age=\d+$/;
const directives = (policy: string | null) =>
  new Map((policy ?? '').split('; ').map((directive) => directive.split(/ (.*)/) as [string, string]));
const hsts = 'max-age=31536000; includeSubDomains';

const production = {
  ...strictEnv,
  EVEN_ANSWER_MS: '100',
  ALLOWED_ORIGINS: 'https://app.example.com',
  NEON_HTTP_ENDPOINT: '',
} as Record<string, string>;

describe('every response', () => {
  it.each(everyKindOfResponse)(
    // Proves ASVS 3.2.1; ASVS 3.4.3; ASVS 3.4.4; ASVS 3.4.6; ASVS 3.4.8; ASVS 3.5.8; ASVS 13.4.6; ASVS 14.3.2; Fetch, Cross-Origin-Resource-Policy.
    '%s (%i) carries the headers that browsers obey',
    async (_, status, request) => {
      const response = await request();
      await response.body?.cancel();
      expect(response.status).toBe(status);
      for (const [name, value] of Object.entries(fixed)) expect(response.headers.get(name), name).toBe(value);
      const policy = directives(response.headers.get('Content-Security-Policy'));
      expect(policy.get('default-src')).toBe("'none'");
      expect(policy.get('base-uri')).toBe("'none'");
      expect(policy.get('frame-ancestors')).toBe("'none'");
      expect(response.headers.get('Content-Security-Policy')).not.toMatch(/unsafe-|\*/);
      const cached = response.headers.get('Cache-Control') ?? '';
      expect(cached === 'no-store' || (response.ok && publicCache.test(cached)), cached).toBe(true);
      expect(response.headers.has('Server')).toBe(false);
      expect(response.headers.has('X-Powered-By')).toBe(false);
    },
  );

  // Proves ASVS 3.2.1.
  it('that is no page may load, run and send nothing', async () => {
    for (const path of [
      '/health',
      '/auth/me',
      '/nothing',
      '/.well-known/oauth-authorization-server',
      '/openapi.json',
      '/docs/assets/swagger-ui.css',
    ]) {
      const response = await createClient()('GET', path);
      await response.body?.cancel();
      expect(response.headers.get('Content-Security-Policy'), path).toBe(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
    }
  });

  // Proves ASVS 3.4.3; ASVS 4.1.1.
  it('that is a page runs only what carries its own nonce, and talks to no other origin', async () => {
    for (const path of ['/docs', '/docs/errors']) {
      const response = await createClient()('GET', path);
      const policy = directives(response.headers.get('Content-Security-Policy'));
      expect(policy.get('script-src')).toMatch(/^'nonce-[A-Za-z0-9+/]{22}=='$/);
      expect(policy.get('style-src')).toBe(policy.get('script-src'));
      expect(policy.get('connect-src')).toBe("'self'");
      expect(policy.get('form-action')).toBe("'self'");
      expect(response.headers.get('Content-Type')).toBe('text/html; charset=UTF-8');
    }
  });

  // Proves ASVS 3.4.5.
  it('that redirects carries them too', async () => {
    const app = new Hono<AppEnv>()
      .use(securityHeaders({ strict: true }))
      .get('/', (c) => c.redirect('/docs'));
    const { status, headers } = await app.request('/');
    expect(status).toBe(302);
    for (const [name, value] of Object.entries(fixed)) expect(headers.get(name), name).toBe(value);
    expect(headers.get('Strict-Transport-Security')).toBe(hsts);
  });
});

describe('Strict-Transport-Security', () => {
  const strict = createClient(production);

  it.each([
    ['GET', '/healthz', 200],
    ['GET', '/docs', 200],
    ['GET', '/auth/me', 401],
    ['GET', '/nothing', 404],
    ['POST', '/auth/logout', 204],
  ])(
    // Proves ASVS 3.4.1.
    'is on %s %s (%i) where the environment is strict: a year, subdomains too',
    async (method, path, status) => {
      const response = await strict(method, path);
      expect(response.status).toBe(status);
      expect(response.headers.get('Strict-Transport-Security')).toBe(hsts);
    },
  );

  // Proves ASVS 3.4.1.
  it('is on a preflight', async () => {
    const response = await strict('OPTIONS', '/auth/me', {
      headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('Strict-Transport-Security')).toBe(hsts);
  });

  // Proves ASVS 3.4.1.
  it('is there even when a strict environment is misconfigured', async () => {
    const response = await createClient({ ...production, JWT_SECRET: '' })('GET', '/auth/me');
    expect(response.status).toBe(503);
    expect(response.headers.get('Strict-Transport-Security')).toBe(hsts);
  });

  it('is absent in local environments, which speak plain HTTP', async () => {
    for (const client of [createClient(), createClient({ JWT_ALGORITHM: 'none' })]) {
      expect((await client('GET', '/auth/me')).headers.has('Strict-Transport-Security')).toBe(false);
    }
  });
});

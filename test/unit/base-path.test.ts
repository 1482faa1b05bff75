import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadRoutes } from '../../scripts/docs/openapi.ts';
import { createPaths } from '../../src/platform/http/matched-route.ts';
import { homeOf, siteOf } from '../../src/platform/pages/site.ts';
import { createRoutePath } from '../../src/platform/rules/base-path.ts';
import { createOriginCheck } from '../../src/platform/rules/origins.ts';
import { readReturnAddress } from '../../src/sso/rules.ts';

const { routes, forkPath } = await loadRoutes();
const own = routes.filter(({ path }) => !path.startsWith(forkPath));
const ours = [...new Set(own.map(({ path }) => path))].map((path) => path.replaceAll(/:\w+/g, ':x'));
const { isRoute } = createPaths([
  ...own,
  { method: 'GET', path: '/api/greeting' },
  { method: 'GET', path: '/api/users' },
]);
const under = (basePath: string) => createRoutePath(basePath, isRoute);

describe('the path of a request under a base path', () => {
  it('means the same route whether the proxy passes the base path on or strips it', () => {
    for (const basePath of ['/api', '/team/auth-v1.2', '/a']) {
      for (const path of ours) {
        expect(under(basePath)(`${basePath}${path}`)).toBe(path);
        expect(under(basePath)(path)).toBe(path);
      }
    }
  });

  it('stays as it is without one', () => {
    for (const path of ['/', '//', '/auth/token', '/api/auth/token', '/.well-known/jwks.json/api'])
      expect(under('')(path)).toBe(path);
  });

  it('is that of every route under a base path that a path of ours begins with, stripped or not', () => {
    const starts = ours.flatMap((path) =>
      path.split('/').map((_, index, segments) => segments.slice(0, index + 1).join('/')),
    );
    for (const basePath of new Set(starts.filter((start) => start.length > 1 && !start.includes(':')))) {
      for (const path of ours) {
        expect([basePath, path, under(basePath)(path)]).toEqual([basePath, path, path]);
        if (path !== '/') expect(under(basePath)(`${basePath}${path}`)).toBe(path);
      }
    }
  });

  it.each([
    ['/api', '/'],
    ['/api/', '/'],
    ['/api/nothing', '/nothing'],
    ['/api/api/auth/token', '/api/auth/token'],
    ['/api//auth/token', '//auth/token'],
    ['//api/auth/token', '//api/auth/token'],
    ['//auth/token', '//auth/token'],
    ['/apix/auth/token', '/apix/auth/token'],
    ['/API/auth/token', '/API/auth/token'],
    ['/api%2fauth/token', '/api%2fauth/token'],
    ['/api/auth%2ftoken', '/auth%2ftoken'],
    ['/x/api/auth/token', '/x/api/auth/token'],
    // A fork's own paths begin with /api/ as well.
    ['/api/api/greeting', '/api/greeting'],
    ['/api/greeting', '/api/greeting'],
    ['/api/users', '/users'],
    ['/api/api/users', '/api/users'],
    // RFC 8414 section 3.1.
    ['/.well-known/oauth-authorization-server/api', '/.well-known/oauth-authorization-server'],
    ['/.well-known/api', '/.well-known/api'],
    ['/.well-known/nothing/api', '/.well-known/nothing/api'],
    ['/.well-known/oauth-authorization-server/other', '/.well-known/oauth-authorization-server/other'],
  ])('%s means %s under /api', (path, meant) => expect(under('/api')(path)).toBe(meant));
});

describe('the start page of a site', () => {
  const homeUnder = (appUrl: string, api: string | null, basePath: string) =>
    homeOf(siteOf({ appUrl, api, basePath }), 'http://localhost:3002/api/account');

  it('is the account page where APP_URL is the API, and not where a frontend has the rest of the host', () => {
    const api = 'https://app.example.com/api';
    expect(homeUnder(api, api, '/api')).toBe('/account');
    expect(homeUnder('https://app.example.com', api, '/api')).toBe('https://app.example.com');
    expect(homeUnder('https://app.example.com/apis', api, '/api')).toBe('https://app.example.com/apis');
    expect(homeUnder('https://app.example.com/x', 'https://app.example.com', '')).toBe('/account');
    expect(homeUnder('http://127.0.0.1:3002', null, '')).toBe('/account');
  });
});

describe('the address after a login at a provider', () => {
  const allowed = ['https://app.example.com', 'https://b.example'];
  const policy = {
    isAllowedOrigin: createOriginCheck({ allowed, anyLoopback: false }),
    apiUrl: 'https://app.example.com/api',
  };

  it.each([
    ['/account', 'https://app.example.com/api/account'],
    ['/account?done=x', 'https://app.example.com/api/account?done=x'],
    ['/api/account', 'https://app.example.com/api/account'],
    ['/apis', 'https://app.example.com/api/apis'],
    ['account', 'https://app.example.com/api/account'],
    ['/../welcome', 'https://app.example.com/api/welcome'],
    ['https://app.example.com/welcome', 'https://app.example.com/welcome'],
    ['//b.example/welcome', 'https://b.example/welcome'],
    ['//evil.example/', null],
    ['/\\evil.example/', null],
  ])('%s is a path of the API where it has no origin', (given, address) =>
    expect(readReturnAddress(given, policy)).toBe(address),
  );
});

describe('the pages name paths of ours in two places only, which add the base path', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.tsx'))
    .map((file) => [file, readFileSync(`src/${file}`, 'utf8')] as const);

  it('links are Link', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter(([, text]) => /<a[\s>]/.test(text)).map(([file]) => file)).toEqual([
      'platform/pages/link.tsx',
    ]);
  });

  it('forms are Form', () => {
    expect(files.filter(([, text]) => /<form[\s>]/.test(text)).map(([file]) => file)).toEqual([
      'platform/pages/form.tsx',
    ]);
  });

  it('and no other element has an address that begins with a slash', () => {
    const element = /<[a-z][^>]*\s(?:href|src|action|formaction|poster|data|srcdoc)=(?:"|'|\{["'`])\//;
    expect(files.filter(([, text]) => element.test(text)).map(([file]) => file)).toEqual([]);
    for (const text of ['<img src="/x">', '<script async src={`/x`}>', "<button formaction='/x'>"])
      expect(text).toMatch(element);
  });
});

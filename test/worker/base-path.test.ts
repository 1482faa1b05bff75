import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { reaches } from '../../scripts/program/cookie-path.ts';
import type { Bindings } from '../../src/container.ts';
import { access } from '../support/worker/access.ts';
import { newAdmin } from '../support/worker/administrators.ts';
import {
  type Client,
  cookiesOf,
  createClient,
  newAccount,
  newAddress,
  newEmail,
  password,
  silentQueue,
} from '../support/worker/client.ts';
import { createProvider, newPerson, withProvider } from '../support/worker/identity-provider.ts';
import { consume } from '../support/worker/invocations.ts';
import { codeIn, mailsTo } from '../support/worker/mail.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { guardduty, strayScanResult } from '../support/worker/scan-result.ts';
import { declarationOf, pdf, type Ticket, withoutScanner } from '../support/worker/uploads.ts';

const host = 'https://app.test';
const api = `${host}/api`;
const local = 'http://localhost:3002';
const wellKnown = '/.well-known/oauth-authorization-server';

/** How a proxy asks the Worker for a path of the host. */
const proxies = {
  'passes the base path on': (path: string) => path,
  'strips the base path': (path: string) => path.replace(/^\/api(?=[/?]|$)/, '').replace(/^(?!\/)/, '/'),
} as const;

/** A client of the host, as the proxy serves it: its paths and URLs are those that browsers see. */
const publish = (
  ask: (path: string) => string,
  variables: Record<string, string> = {},
  address = newAddress(),
): Client => {
  const client = createClient({ RATE_LIMIT_MAX: '10000', API_URL: api, ...variables }, address);
  return (method, target, init) => {
    const { pathname, search } = new URL(target, host);
    return client(method, `${local}${ask(pathname)}${search}`, init);
  };
};

type Shown = { readonly url: string; readonly status: number; readonly html: string };

const decoded = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"');

/** A browser without scripts. It keeps cookies by their paths, and goes where HTML and redirects lead. */
const createPerson = (client: Client) => {
  const jar = new Map<string, { name: string; value: string; path: string }>();
  const cookiesFor = (pathname: string) =>
    Object.fromEntries(
      [...jar.values()].filter(({ path }) => reaches(path, pathname)).map(({ name, value }) => [name, value]),
    );

  const ask: Client = async (method, target, init = {}) => {
    const url = new URL(target, api);
    const response = await client(method, url.href, {
      ...init,
      cookies: cookiesFor(url.pathname),
      headers: {
        ...(method !== 'GET' && { Origin: host, 'Sec-Fetch-Site': 'same-origin' }),
        ...init.headers,
      },
    });
    for (const [name, { value, attributes }] of cookiesOf(response)) {
      const path = attributes.find((each) => each.startsWith('Path='))?.slice(5) ?? '';
      if (attributes.includes('Max-Age=0')) jar.delete(`${name} ${path}`);
      else jar.set(`${name} ${path}`, { name, value, path });
    }
    return response;
  };

  const go = async (target: string, form?: Record<string, string>): Promise<Shown> => {
    const { href } = new URL(target, api);
    expect(href, 'every address lies under the API').toMatch(/^https:\/\/app\.test\/api(?:[/?#]|$)/);
    const response = await ask(form ? 'POST' : 'GET', href, {
      ...(form && { form }),
      headers: { Accept: 'text/html' },
    });
    const location = response.headers.get('Location');
    if (location !== null)
      return go(new URL(location, href).href, response.status === 307 ? form : undefined);
    return { url: href, status: response.status, html: await response.text() };
  };

  return {
    jar,
    ask,
    go,
    /** Follows the link with that text. */
    follow: ({ url, html }: Shown, text: string) => {
      const [, href] = new RegExp(`<a [^>]*href="([^"]*)"[^>]*>${text}`).exec(html) ?? [];
      if (href === undefined) throw new Error(`no link "${text}" in ${html}`);
      return go(new URL(decoded(href), url).href);
    },
    /** Sends the form whose button has that text, with its hidden fields. */
    press: ({ url, html }: Shown, button: string, fields: Record<string, string> = {}) => {
      const form = [...html.matchAll(/<form method="post" action="([^"]*)".*?<\/form>/gs)].find(([text]) =>
        new RegExp(`<button[^>]*>${button}<`).test(text),
      );
      if (!form) throw new Error(`no form "${button}" in ${html}`);
      const hidden = [...form[0].matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
        ([, name = '', value = '']) => [name, decoded(value)],
      );
      return go(new URL(form[1] ?? '', url).href, { ...Object.fromEntries(hidden), ...fields });
    },
  };
};

const linksOf = (html: string) =>
  [...html.matchAll(/(?:href|src|action)="([^"#]+)"/g)]
    .map(([, address = '']) => decoded(address))
    .filter((address) => !address.startsWith('data:'));

const provider = createProvider();

describe.each(Object.entries(proxies))('under a path, behind a proxy that %s', (_, ask) => {
  const client = publish(ask);

  it('a browser logs in, refreshes by its cookie and logs out; each cookie goes where it is read', async () => {
    const { ask: fetch, jar } = createPerson(client);
    const email = newEmail();
    const signup = await fetch('POST', '/api/auth/signup', { json: { email, password } });
    expect(signup.status).toBe(201);
    expect([...cookiesOf(signup)].map(([name, { attributes }]) => [name, attributes[1]])).toEqual([
      ['itsor_session', 'Path=/'],
      ['itsor_session_refresh', 'Path=/api/auth'],
      ['itsor_session_renew', 'Path=/api/account'],
    ]);
    expect((await fetch('GET', '/api/auth/me')).status).toBe(200);
    const before = jar.get('itsor_session_refresh /api/auth')?.value;
    expect((await fetch('POST', '/api/auth/refresh')).status).toBe(200);
    expect(jar.get('itsor_session_refresh /api/auth')?.value).not.toBe(before);
    expect((await fetch('POST', '/api/auth/logout')).status).toBe(204);
    expect([...jar.keys()]).toEqual([]);
    expect((await fetch('POST', '/api/auth/refresh')).status).toBe(401);
    expect((await fetch('POST', '/api/auth/token', { json: { email, password } })).status).toBe(200);
  });

  it('the pages lead to each other by their links, forms and redirects alone', async () => {
    const { go, follow, press, jar } = createPerson(client);
    const email = newEmail();
    const signedOut = await follow(await go(`${api}/`), 'Account page');
    expect([signedOut.url, signedOut.status]).toEqual([`${api}/account`, 200]);
    const forgot = await follow(signedOut, 'Forgot your password');
    expect((await press(forgot, 'Send the link', { email })).html).toContain('a message with a link');
    const refused = await press(await follow(forgot, 'Back to the login'), 'Log in', {
      identifier: email,
      password,
    });
    expect([refused.url, refused.status]).toEqual([`${api}/account/login`, 401]);
    expect((await go(refused.url)).url).toBe(`${api}/account`);

    const account = await press(refused, 'Sign up', { email, password });
    expect([account.url, account.html.includes('Where you are logged in')]).toEqual([`${api}/account`, true]);
    const wrongCode = await press(account, 'Confirm', { code: '000000' });
    expect(wrongCode.html).toContain('autofocus');
    const confirmed = await press(account, 'Confirm', { code: await codeIn(email) });
    expect(confirmed.url).toBe(`${api}/account?done=email-verified`);
    const next = 'seventeen purple kettles sing';
    const changed = await press(confirmed, 'Change password', {
      current_password: password,
      new_password: next,
    });
    expect(changed.url).toBe(`${api}/account?done=password-changed`);
    const out = await press(changed, 'Log out');
    expect(out.url).toBe(`${api}/account?done=logged-out`);
    expect([...jar.keys()]).toEqual([]);
    expect((await press(out, 'Log in', { identifier: email, password: next })).status).toBe(200);
    expect((await follow(await go(`${api}/account/nothing`), 'Go to your account')).status).toBe(200);
  });

  it('a page and a form whose access token is over are renewed under it', async () => {
    const { go, press, jar } = createPerson(client);
    const email = newEmail();
    await press(await go(`${api}/account`), 'Sign up', { email, password });
    jar.delete('itsor_session /');
    const account = await go(`${api}/account`);
    expect([new URL(account.url).pathname, account.html.includes(email)]).toEqual(['/api/account', true]);
    jar.delete('itsor_session /');
    const next = newEmail();
    const asked = await press(account, 'Change e-mail address', { email: next, password });
    expect(asked.html).toContain('We have sent a message to the new address');
  });

  it('the link of a mail leads to our page, and its button confirms the address', async () => {
    const { go, follow, press } = createPerson(publish(ask, { MAIL_QUEUE: silentQueue }));
    const email = newEmail();
    await press(await go(`${api}/account`), 'Sign up', { email, password });
    const [mail] = await mailsTo(email);
    await consume('itsor-mail', [mail?.id ?? ''], { ...env, API_URL: api } as Bindings);
    const mailbox = await go(`${api}/dev/mailbox?to=${encodeURIComponent(email)}`);
    const page = await follow(mailbox, `${api}/verify-email`);
    expect((await press(page, 'Confirm')).url).toBe(`${api}/account?done=email-verified`);
    expect((await follow(mailbox, 'Clear the page')).html).toContain('No e-mails yet');
  });

  it('no page names an address beside the API', async () => {
    const { go } = createPerson(client);
    const pages = [
      '/',
      '/account',
      '/forgot-password',
      '/reset-password',
      '/verify-email',
      '/restore-email',
      '/docs',
      '/docs/errors',
      '/dev/mailbox?to=nobody@example.com',
    ];
    for (const path of pages) {
      const { html } = await go(`${api}${path}`);
      for (const link of linksOf(html)) expect(link, path).toMatch(/^\/api\//);
    }
    const { html } = await go(`${api}/docs`);
    for (const asset of linksOf(html)) expect((await client('GET', asset)).status, asset).toBe(200);
    const [, document = ''] = /url: '([^']+)'/.exec(html) ?? [];
    expect(document).toBe('/api/openapi.json');
    const { servers } = await (await client('GET', document)).json<{ servers: unknown }>();
    expect(servers).toEqual([{ url: api }]);
  });

  it('single sign-on starts by the link of the page, and its callback lies under the API', async () => {
    const { ask: fetch, go } = createPerson(publish(ask, withProvider));
    const { html } = await go(`${api}/account`);
    const [offer = ''] = linksOf(html).filter((link) => link.includes('/oauth/'));
    expect(offer).toBe(`${api}/auth/oauth/acme`);
    const start = await fetch('GET', offer);
    expect([...cookiesOf(start).values()].map(({ attributes }) => attributes[1])).toEqual([
      'Path=/api/auth/oauth',
    ]);
    const back = provider.consent(start.headers.get('Location') ?? '', newPerson());
    expect(back.href).toMatch(/^https:\/\/app\.test\/api\/auth\/oauth\/acme\/callback\?/);
    const account = await go(back.href);
    expect([account.url, account.html.includes('Where you are logged in')]).toEqual([`${api}/account`, true]);
  });

  it('an upload URL is used as it is, and in no other spelling', async () => {
    const { access_token: bearer } = await newAccount((method, path, init) =>
      client(method, `/api${path}`, init),
    );
    const declared = await client('POST', '/api/uploads', { bearer, json: await declarationOf(pdf) });
    const { id, upload } = await declared.json<Ticket>();
    expect(declared.headers.get('Location')).toBe(`/api/uploads/${id}`);
    expect((await client('GET', declared.headers.get('Location') ?? '', { bearer })).status).toBe(200);
    expect(upload.url).toMatch(new RegExp(`^${api}/uploads/${id}/content\\?`));
    for (const other of [
      upload.url.replace('/uploads/', '/%75ploads/'),
      upload.url.replace('/content', '/%63ontent'),
    ])
      expect((await client('PUT', other, { body: pdf, headers: upload.headers })).status, other).toBe(403);
    expect((await client('PUT', upload.url, { body: pdf, headers: upload.headers })).status).toBe(200);
  });

  // Proves RFC 8414, 3.1.
  it('the metadata is at both of its addresses, and each URL in it leads to a route', async () => {
    const texts = await Promise.all(
      [`${api}${wellKnown}`, `${host}${wellKnown}/api`].map(async (url) => (await client('GET', url)).text()),
    );
    expect(texts[0]).toBe(texts[1]);
    const metadata = JSON.parse(texts[0] ?? '') as Record<string, unknown>;
    expect(metadata).toMatchObject({ issuer: api, token_endpoint: `${api}/auth/token` });
    for (const url of Object.values(metadata).filter((each) => typeof each === 'string')) {
      if (url === api) continue;
      expect(url.startsWith(`${api}/`)).toBe(true);
      expect((await client('GET', url)).status, url).not.toBe(404);
    }
  });

  it('a new account has its address under the API, and an error leads to its page', async () => {
    const admin = await newAdmin((method, path, init) => client(method, `/api${path}`, init));
    const made = await client('POST', '/api/users', {
      bearer: admin.access_token,
      json: { email: newEmail() },
    });
    expect(made.headers.get('Location')).toMatch(/^\/api\/users\/[0-9a-f-]{36}$/);
    expect(
      (await client('GET', made.headers.get('Location') ?? '', { bearer: admin.access_token })).status,
    ).toBe(200);
    const { type } = await (await client('GET', '/api/nothing')).json<{ type: string }>();
    expect(type).toBe('/api/docs/errors#not_found');
    expect((await client('GET', type)).status).toBe(200);
  });

  it('404 and 405 are those of the path without the base path', async () => {
    await expectProblem(await client('GET', '/api/nothing'), 404, 'not_found');
    const response = await client('PUT', '/api/auth/token');
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST']);
    expect((await client('HEAD', '/api/healthz')).status).toBe(200);
  });

  it('a limit counts one route however its path is spelled, and other spellings reach no route', async () => {
    const limited = publish(ask, { RATE_LIMIT_MAX: '10' });
    const statuses = [];
    for (let turn = 0; turn < 9; turn++) {
      const path = turn % 2 === 0 ? '/api/auth/token' : '/api/%61uth/t%6fken';
      const response = await limited('POST', path, { json: { email: newEmail(), password } });
      expect(response.headers.get('RateLimit-Policy')).toBe('"login";q=8;w=60');
      statuses.push(response.status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 401, 401, 429]);
  });

  it('access is that of the route', async () => {
    const prefixed: Client = (method, path, init) => client(method, `/api${path}`, init);
    const { access_token: bearer } = await newAccount(prefixed);
    const guarded = Object.entries(access).filter(([, row]) => row.everybody === undefined);
    expect(guarded.length).toBeGreaterThan(20);
    for (const [key] of guarded) {
      const [method = '', path = ''] = key.split(' ');
      const target = path.replaceAll(/\{\w+\}/g, crypto.randomUUID());
      expect((await prefixed(method, target)).status, key).toBe(401);
    }
    for (const path of ['/users', '/roles', '/permissions', '/audit'])
      expect((await prefixed('GET', path, { bearer })).status, path).toBe(403);
  });

  it('a form of another origin is refused, and one of the host passes', async () => {
    const logIn = (origin: string) =>
      client('POST', '/api/account/login', {
        form: { identifier: newEmail(), password },
        headers: { Origin: origin, 'Sec-Fetch-Site': 'cross-site' },
      });
    expect((await logIn(host)).status).toBe(401);
    for (const origin of [api, `${host}.evil.example`, 'http://app.test', 'https://evil.example', 'null'])
      expect((await logIn(origin)).status, origin).toBe(403);
  });

  it('the webhook wants its secret', async () => {
    const scanner = publish(ask, guardduty);
    const post = (headers: Record<string, string>) =>
      scanner('POST', '/api/webhooks/scan-result', { json: strayScanResult, headers });
    expect((await post({})).status).toBe(401);
    expect((await post({ 'X-Scan-Callback-Secret': 'wrong' })).status).toBe(401);
    expect((await post({ 'X-Scan-Callback-Secret': guardduty.SCAN_CALLBACK_SECRET })).status).toBe(200);
  });

  it('a strict service has no mailbox there, and its bare path leads to the account page', async () => {
    const strict = publish(ask, withoutScanner);
    expect((await strict('GET', '/api/dev/mailbox')).status).toBe(404);
    for (const path of ['/api', '/api/']) {
      const response = await strict('GET', path);
      expect([response.status, response.headers.get('Location')]).toEqual([302, '/api/account']);
    }
  });
});

describe('the base path', () => {
  const client = createClient({ RATE_LIMIT_MAX: '10000', API_URL: api });

  it.each([
    '/api/api/auth/token',
    '/api%2fauth/token',
    '/api/auth%2ftoken',
    '/API/auth/token',
    '/api/AUTH/token',
    '/apix/auth/token',
    '/other/auth/token',
    '/api/..;/auth/token',
    '/.well-known/oauth-authorization-server/auth/token',
    '/.well-known/auth/token/api',
  ])('is taken off once and exactly: %s is no route, and counts for the network', async (path) => {
    const response = await client('POST', `${local}${path}`, { json: { email: newEmail(), password } });
    expect([response.status, response.headers.get('RateLimit-Policy')]).toEqual([
      404,
      '"default";q=10000;w=60',
    ]);
  });

  it.each(['//auth/token', '//api/auth/token', '/api//auth/token', '/api/auth//token', '/api/auth/token/'])(
    'is taken off %s, which leads to the one address of the route',
    async (path) => {
      const response = await client('POST', `${local}${path}?x=1`, { json: { email: newEmail(), password } });
      expect([response.status, response.headers.get('Location')]).toEqual([308, '/api/auth/token?x=1']);
    },
  );

  it('dots in a path are resolved before it is taken off, as every client resolves them', async () => {
    for (const path of ['/api/../auth/me', '/x/../api/auth/me', '/api/%2e%2e/auth/me'])
      expect((await client('GET', `${local}${path}`)).status, path).toBe(401);
  });

  it('changes nothing about who may call: an environment for local work answers at this machine alone', async () => {
    for (const path of ['/api/dev/mailbox', '/dev/mailbox', '/api/healthz'])
      await expectProblem(await client('GET', `${host}${path}`), 503, 'misconfigured');
  });

  it('is no path without API_URL, or with one that has none', async () => {
    for (const variables of [{}, { API_URL: host }]) {
      const plain = createClient(variables);
      expect((await plain('GET', '/api/healthz')).status).toBe(404);
      expect((await plain('GET', `${wellKnown}/api`)).status).toBe(404);
      const { type } = await (await plain('GET', '/nothing')).json<{ type: string }>();
      expect(type).toBe('/docs/errors#not_found');
    }
  });

  it('a cookie with __Host- keeps the path / under it', async () => {
    const secure = publish(proxies['passes the base path on'], {
      SESSION_COOKIE_NAME: '__Host-itsor',
      SESSION_COOKIE_SECURE: 'true',
    });
    const { ask, jar } = createPerson(secure);
    const { status } = await ask('POST', '/api/auth/signup', { json: { email: newEmail(), password } });
    expect([status, [...jar.keys()]]).toEqual([
      201,
      ['__Host-itsor /', '__Host-itsor_refresh /', '__Host-itsor_renew /'],
    ]);
    expect((await ask('POST', '/api/auth/refresh')).status).toBe(200);
  });
});

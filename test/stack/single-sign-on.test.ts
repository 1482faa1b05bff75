import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { type CookieBrowser, createCookieBrowser } from '../support/node/cookie-browser.ts';
import { type OidcServer, startOidcServer } from '../support/node/oidc-server.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

const password = 'correct horse battery staple';
let stack: Launch;
let servers: OidcServer[] = [];

beforeAll(async () => {
  const port = await findFreePort();
  const redirectUriOf = (id: string) => `http://localhost:${port}/auth/oauth/${id}/callback`;
  servers = [
    await startOidcServer({ redirectUris: [redirectUriOf('profile')] }),
    await startOidcServer({ redirectUris: [redirectUriOf('token')], claimsInIdToken: true }),
  ];
  const providers = ['profile', 'token'].map((id, at) => ({
    id,
    name: `The ${id} provider`,
    issuer: servers[at]?.issuer,
    ...servers[at]?.client,
  }));
  stack = await startStack({
    port,
    env: { OIDC_PROVIDERS: JSON.stringify(providers), RATE_LIMIT_MAX: '1000' },
  });
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all(servers.map(({ stop }) => stop()));
});

/** Goes to a provider from the account page, logs in there, and allows what is asked. */
const logInBy = async (id: string, login: string, browser: CookieBrowser = createCookieBrowser()) => {
  const page = await browser.open(`${stack.url}/account`);
  const offer = new RegExp(`href="([^"]*/auth/oauth/${id})"`).exec(page.html)?.[1];
  const atProvider = await browser.open(offer ?? '');
  const consent = await browser.submit(atProvider, { login, password: 'any' });
  return { browser, shown: await browser.submit(consent) };
};

const post = (path: string, json: object) =>
  fetch(stack.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(json),
  });

describe.each(['profile', 'token'])('with a certified provider that tells the address in the %s', (id) => {
  it('signs up, logs out and logs in again', async () => {
    const login = `ada@${id}.example.com`;
    const { browser, shown } = await logInBy(id, login);
    expect([shown.status, shown.url]).toEqual([200, `${stack.url}/account`]);
    expect(shown.html).toContain('Your account');
    expect(shown.html).toContain(`${login}<span class="good"> (confirmed)`);
    expect(shown.html).toContain(`The ${id} provider`);
    // The result of the attempt; another login adds one of its own.
    expect(browser.cookieNames().filter((name) => name.startsWith('itsor_session_oauth'))).toHaveLength(1);

    const out = await browser.submit(shown);
    expect(out.html).toContain('You are logged out.');
    // The provider still knows the browser, and asks nothing any more.
    const again = await browser.open(`${stack.url}/auth/oauth/${id}?return_to=/account`);
    expect([again.status, again.html.includes('Your account')]).toEqual([200, true]);
  });

  it('does not let somebody have the account of an address that nobody has proved', async () => {
    const email = `victim@${id}.example.com`;
    expect((await post('/auth/signup', { email, password })).status).toBe(201);
    const { browser, shown } = await logInBy(id, email);
    expect(shown.status).toBe(409);
    expect(shown.html).toContain('nobody has confirmed the address yet');
    expect(browser.cookieNames()).not.toContain('itsor_session');
  });

  it('has the address proved that the provider does not vouch for', async () => {
    const { shown } = await logInBy(id, `unverified@${id}.example.com`);
    expect(shown.html).toContain('(not confirmed yet)');
    expect(shown.html).toContain('Confirm your e-mail address');
  });

  // Proves ASVS 10.1.2.
  it('logs nobody in by an answer that another browser has asked for', async () => {
    const attacker = createCookieBrowser({ stopsAt: /\/callback\?/ });
    const { shown: stopped } = await logInBy(id, `mallory@${id}.example.com`, attacker);
    expect(stopped.url).toMatch(/code=.*state=|state=.*code=/);

    const victim = createCookieBrowser();
    const back = await victim.open(stopped.url);
    expect(back.status).toBe(400);
    expect(back.html).toContain('was not begun in this browser');
    expect(victim.cookieNames()).toEqual([]);
    // Nor where the victim is on the way to the provider too.
    await victim.open(`${stack.url}/auth/oauth/${id}`);
    expect((await victim.open(stopped.url)).status).toBe(400);
    expect(victim.cookieNames()).not.toContain('itsor_session');
  });

  it('goes back without a login where the person says no', async () => {
    const browser = createCookieBrowser();
    const atProvider = await browser.open(`${stack.url}/auth/oauth/${id}`);
    const abort = /href="([^"]*\/abort)"/.exec(atProvider.html)?.[1];
    const shown = await browser.open(abort ?? '');
    expect(shown.status).toBe(400);
    expect(shown.html).toContain(`The ${id} provider was not allowed to tell us who you are`);
  });
});

it('tells people that a provider is down, and everybody else is served', async () => {
  await servers[1]?.stop();
  servers = servers.slice(0, 1);
  const { shown } = await logInBy('profile', 'grace@profile.example.com');
  expect(shown.status).toBe(200);
  const browser = createCookieBrowser();
  const begun = await browser.open(`${stack.url}/auth/oauth/token`).catch((error: unknown) => error);
  // The discovery document is still known here; it is the provider's own page that does not open.
  expect(begun).toBeInstanceOf(TypeError);
});

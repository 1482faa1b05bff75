import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { type OidcServer, startOidcServer } from '../support/node/oidc-server.ts';
import { type Launch, startStack } from '../support/node/stack.ts';
import { hasBrowser, useBrowser } from './visitors.ts';

const visit = useBrowser();

describe.skipIf(!hasBrowser).each(['lax', 'strict'])(
  'a login by a provider at another site, SameSite=%s',
  (sameSite) => {
    let stack: Launch;
    let server: OidcServer;
    beforeAll(async () => {
      const port = await findFreePort();
      const redirectUris = [`http://localhost:${port}/auth/oauth/acme/callback`];
      server = await startOidcServer({ redirectUris, hostname: '127.0.0.1' });
      const provider = { id: 'acme', name: 'Acme', issuer: server.issuer, ...server.client };
      stack = await startStack({
        port,
        env: { OIDC_PROVIDERS: JSON.stringify([provider]), SESSION_COOKIE_SAMESITE: sameSite },
      });
    });
    afterAll(async () => {
      await stack?.stop();
      await server?.stop();
    });

    it.each([
      ['with scripts', true],
      ['without scripts', false],
    ])('ends on the account page, logged in, %s', async (name, javaScriptEnabled) => {
      const login = `ada.${sameSite}.${javaScriptEnabled}@example.com`;
      const page = await visit(`${stack.url}/account`, { javaScriptEnabled });
      await page.getByRole('link', { name: 'Log in with Acme' }).click();
      expect(page.url()).toContain(server.issuer);
      await page.getByPlaceholder('Enter any login').fill(login);
      await page.getByPlaceholder('and password').fill('any');
      await page.getByRole('button', { name: 'Sign-in' }).click();
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(`${stack.url}/account`);
      expect(await page.getByRole('heading', { level: 1 }).innerText(), name).toBe('Your account');
      expect(await page.getByText(login).first().isVisible()).toBe(true);
      expect(await page.getByRole('heading', { name: 'Ways to log in' }).isVisible()).toBe(true);

      const cookies = await page.context().cookies();
      const own = cookies.filter((cookie) => cookie.name.startsWith('itsor'));
      expect(
        own
          .map((cookie) => [cookie.name.replace(/_[0-9a-f]{16}$/, ''), cookie.sameSite.toLowerCase()])
          .toSorted(),
      ).toEqual([
        ['itsor_session', sameSite],
        // Where a reload of the callback leads; it opens nothing.
        ['itsor_session_oauth', 'lax'],
        ['itsor_session_refresh', sameSite],
        ['itsor_session_renew', sameSite],
      ]);
    });
  },
);

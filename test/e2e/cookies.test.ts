import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { fetchIn, logIn, logInAgain, newAccount, sessionsOf } from './accounts.ts';
import { otherOrigin } from './foreign-pages.ts';
import { api, apiHost, frontend, hasBrowser, site, useBrowser } from './visitors.ts';

const visit = useBrowser();

const logInAtFrontend = async (): Promise<Page> => {
  const page = await visit(frontend);
  await logIn(page, await newAccount());
  return page;
};

describe.skipIf(!hasBrowser)('the cookies of a login', () => {
  it('are kept by the browser as they are meant', async () => {
    const page = await logInAtFrontend();
    const cookies = await page.context().cookies([`${api}/auth`, `${api}/account`]);
    const common = { domain: apiHost, httpOnly: true, secure: false, sameSite: 'Lax' };
    expect(cookies.sort((a, b) => a.name.localeCompare(b.name))).toMatchObject([
      { ...common, name: 'itsor_session', path: '/' },
      { ...common, name: 'itsor_session_refresh', path: '/auth' },
      { ...common, name: 'itsor_session_renew', path: '/account' },
    ]);
    const livesHours = cookies.map(({ expires }) => Math.round((expires - Date.now() / 1000) / 3600));
    expect(livesHours).toEqual([1, 7 * 24, 7 * 24]);
  });

  it('are out of the reach of scripts, on the refresh path as well', async () => {
    const page = await logInAtFrontend();
    for (const path of ['/', '/auth/callback']) {
      await page.goto(frontend + path);
      expect(await page.evaluate(() => document.cookie)).toBe('');
    }
  });

  it('travel no farther than they must: the refresh token to /auth alone', async () => {
    const page = await logInAtFrontend();
    const namesSentTo = async (path: string) => {
      const [request] = await Promise.all([page.waitForRequest(api + path), fetchIn(page, path)]);
      const { cookie = '' } = await request.allHeaders();
      return cookie.split('; ').map((pair) => pair.slice(0, pair.indexOf('=')));
    };
    expect(await namesSentTo('/users/me')).toEqual(['itsor_session']);
    expect(await namesSentTo('/authentic')).toEqual(['itsor_session']);
    expect(await namesSentTo('/auth/me')).toEqual(['itsor_session_refresh', 'itsor_session']);
  });

  it('are gone after a logout', async () => {
    const page = await logInAtFrontend();
    await fetchIn(page, '/auth/logout', { method: 'POST' });
    expect(await page.context().cookies()).toEqual([]);
  });

  it('cannot be outdone by one that a neighbour plants: nobody acts as the attacker', async () => {
    const [page, attacker] = [await logInAtFrontend(), await newAccount()];
    const before = await sessionsOf(attacker);
    await page.goto(otherOrigin);
    await page.evaluate(
      ([token, domain]) => {
        // biome-ignore lint/suspicious/noDocumentCookie: what an attacker's script does
        document.cookie = `itsor_session=${token}; domain=${domain}; path=/auth`;
      },
      [attacker.accessToken, site] as const,
    );

    await page.goto(frontend);
    expect(await fetchIn(page, '/auth/me')).toMatchObject({
      status: 400,
      body: { code: 'duplicate_cookie' },
    });
    expect(await sessionsOf(attacker)).toEqual(before);

    // Whose other sessions are meant is not known, so a logout ends those that the cookies name, and no other.
    const other = await logInAgain(attacker);
    expect(await fetchIn(page, '/auth/logout?scope=global', { method: 'POST' })).toMatchObject({
      status: 400,
    });
    expect(await sessionsOf(other)).toHaveLength(1);
  });
});

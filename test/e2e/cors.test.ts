import type { Frame } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import {
  fetchIn,
  logIn,
  newAccount,
  newEmail,
  password,
  postJsonIn,
  sessionsOf,
  visitorOf,
} from './accounts.ts';
import { foreignPages, otherOrigin, otherSite } from './foreign-pages.ts';
import { api, frontend, hasBrowser, stage, useBrowser } from './visitors.ts';

const visit = useBrowser();

describe.skipIf(!hasBrowser)('the allowed origin', () => {
  it('signs up, logs out, logs in and reads who it is, by cookies alone', async () => {
    const page = await visit(frontend);
    const email = newEmail();
    expect(await postJsonIn(page, '/auth/signup', { email, password })).toMatchObject({ status: 201 });
    expect(await visitorOf(page)).toBe(email);
    expect(await fetchIn(page, '/auth/logout', { method: 'POST' })).toMatchObject({ status: 204 });
    expect(await visitorOf(page)).toBeNull();
    await logIn(page, { email });
    expect(await visitorOf(page)).toBe(email);
    expect(await postJsonIn(page, '/auth/refresh', {})).toMatchObject({ status: 200 });
    expect(await visitorOf(page)).toBe(email);
  });

  it('reads the id of its request, its limits and when to try again', async () => {
    const page = await visit(frontend);
    const me = await fetchIn(page, '/auth/me', { headers: { 'X-Request-ID': 'asked-by-a-page' } });
    expect(me).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(me.headers['x-request-id']).toBe('asked-by-a-page');
    expect(me.headers['ratelimit-policy']).toMatch(/^"\w+";q=\d+;w=\d+$/);
    expect(me.headers.ratelimit).toMatch(/^"\w+";r=\d+;t=\d+$/);

    const credentials = { username: newEmail(), password };
    for (let attempt = 1; attempt <= 5; attempt++) await postJsonIn(page, '/auth/token', credentials);
    const locked = await postJsonIn(page, '/auth/token', credentials);
    expect(locked).toMatchObject({ status: 429, body: { code: 'login_locked' } });
    expect(Number(locked.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('sends a bearer token and a DELETE, which the browser asks leave for', async () => {
    const account = await newAccount();
    const page = await visit(frontend);
    await logIn(page, account);
    const [newest] = await sessionsOf(account);
    const answer = await fetchIn(page, `/auth/sessions/${newest?.id}`, {
      method: 'DELETE',
      credentials: 'omit',
      headers: { Authorization: `Bearer ${account.accessToken}` },
    });
    expect(answer.status).toBe(204);
    expect(await sessionsOf(account)).toHaveLength(1);
    expect(await visitorOf(page)).toBeNull();
  });

  it('of another host name reads as well, but Lax cookies stay at home', async () => {
    const page = await visit(`http://127.0.0.1:${stage.frontendPort}`);
    const { email } = await newAccount();
    const login = await postJsonIn(page, '/auth/token', { username: email, password });
    expect(login.status).toBe(200);
    expect(await visitorOf(page)).toBeNull();
    const bearer = { Authorization: `Bearer ${login.body.access_token}` };
    expect((await fetchIn(page, '/auth/me', { headers: bearer })).body.email).toBe(email);
  });
});

/** What a script gets to see of a request: what is thrown, or the response. */
const look = (frame: Frame, path: string, init: Readonly<Record<string, unknown>>) =>
  frame.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, init);
        return { type: response.type, status: response.status, text: await response.text() };
      } catch (error) {
        return (error as Error).name;
      }
    },
    [api + path, init] as const,
  );

describe.skipIf(!hasBrowser).each(Object.entries(foreignPages))('%s', (_, open) => {
  it('reads nothing, however it asks', async () => {
    const account = await newAccount();
    const page = await visit(frontend);
    await logIn(page, account);
    const frame = await open(page);

    for (const path of ['/auth/me', '/auth/sessions', '/healthz', '/openapi.json', '/docs', '/nowhere']) {
      for (const credentials of ['include', 'omit']) {
        expect(await look(frame, path, { credentials })).toBe('TypeError');
        expect(await look(frame, path, { credentials, mode: 'no-cors' })).toBe('TypeError');
      }
    }
    const bearer = { headers: { Authorization: `Bearer ${account.accessToken}` } };
    expect(await look(frame, '/auth/me', bearer)).toBe('TypeError');
  });
});

describe.skipIf(!hasBrowser).each([
  ['another site', otherSite],
  ['another origin of the same site', otherOrigin],
])('a page of %s', (_, foreign) => {
  const paths = ['/auth/me', '/auth/sessions', '/docs'];
  const embeddings = ['img', 'script', 'link', 'iframe', 'object', 'video'].flatMap((tag) =>
    paths.map((path) => [tag, path] as const),
  );

  /** All that a page can notice of an embedded answer but the time it takes. */
  const notice = (frame: Frame, tag: string, path: string) =>
    frame.evaluate(
      async ([tag, url]) => {
        const element = document.createElement(tag);
        const event = await new Promise<string>((resolve) => {
          element.onload = element.onerror = (event) => resolve((event as Event).type);
          Object.assign(element, { src: url, data: url, href: url, rel: 'stylesheet' });
          document.documentElement.append(element);
        });
        const timings = performance.getEntriesByName(url) as PerformanceResourceTiming[];
        return {
          event,
          size: [element.clientWidth, element.clientHeight],
          windows: frames.length,
          timings: timings.map(({ responseStatus, transferSize }) => [responseStatus, transferSize]),
        };
      },
      [tag, api + path] as const,
    );

  const noticeAll = async (frame: Frame) => {
    const seen: unknown[] = [];
    for (const [tag, path] of embeddings) seen.push([tag, path, await notice(frame, tag, path)]);
    return seen;
  };

  it('cannot tell by embedding whether its visitor is logged in', async () => {
    const stranger = await visit(foreign);
    const member = await visit(frontend);
    await logIn(member, await newAccount());
    await member.goto(foreign);
    expect(await noticeAll(member.mainFrame())).toEqual(await noticeAll(stranger.mainFrame()));
  });

  it('shows no page of the API inside a frame', async () => {
    const page = await visit(foreign);
    for (const path of ['/docs', '/docs/errors', '/auth/me']) await notice(page.mainFrame(), 'iframe', path);
    const inside = await Promise.all(
      page
        .frames()
        .slice(1)
        .map((frame) => frame.locator('body').innerText()),
    );
    expect(inside).toHaveLength(3);
    expect(inside.join()).not.toMatch(/unauthenticated|Errors|\/auth\/signup/);
  });

  it('loses hold of a window that it opens on the API', async () => {
    const page = await visit(foreign);
    const [opened] = await Promise.all([
      page.waitForEvent('popup'),
      page.evaluate((url) => {
        Object.assign(window, { opened: open(url) });
      }, `${api}/docs`),
    ]);
    await opened.waitForLoadState();
    expect(opened.url()).toBe(`${api}/docs`);
    expect(await page.evaluate(() => (window as unknown as { opened: Window }).opened.closed)).toBe(true);
    expect(await opened.evaluate(() => window.opener)).toBeNull();
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, createBrowser, createClient, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import {
  attemptIn,
  comeBack,
  createProvider,
  json,
  newPerson,
  type Person,
  setOut,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';

const provider = createProvider();
const client = createClient({ ...withProvider, MAIL_QUEUE: silentQueue });
const strict = createClient({
  ...withProvider,
  MAIL_QUEUE: silentQueue,
  SESSION_COOKIE_SAMESITE: 'strict',
});

afterEach(() => void vi.useRealTimers());

/** A tab of a browser that has consented at the provider, before the callback. */
const tab = async (browser: Client, person: Person, query = '') => {
  const { location } = await setOut(browser, query);
  const to = provider.consent(location, person);
  return { to, back: () => browser('GET', to.pathname + to.search, { headers: json }) };
};

const sessionsOf = async ({ sub }: Person) => {
  const rows = await sql`
    select session.id from sessions session join identities identity on identity.user_id = session.user_id
    where identity.subject = ${sub}`;
  return rows.length;
};

const placeOf = (response: Response) => [response.status, response.headers.get('Location')];
const at = (path: string) => [303, `http://localhost:3002${path}`];

describe('logins at a provider in several tabs of one browser', () => {
  it('each come back to their own place, the older one first', async () => {
    const browser = createBrowser(client);
    const person = newPerson();
    const older = await tab(browser, person, '?return_to=/docs');
    const newer = await tab(browser, person);
    expect(placeOf(await older.back())).toEqual(at('/docs'));
    expect(placeOf(await newer.back())).toEqual(at('/account'));
    expect(await sessionsOf(person)).toBe(2);
  });

  it('survive an answer with a foreign state, which is refused and sets no cookie', async () => {
    const browser = createBrowser(client);
    const person = newPerson();
    const own = await tab(browser, person);
    // Login CSRF: the answer of a login that a thief has begun elsewhere.
    const thief = newPerson();
    const { location } = await setOut(client);
    const planted = provider.consent(location, thief);
    const refused = await browser('GET', planted.pathname + planted.search, { headers: json });
    expect(await verdictOf(refused)).toEqual([400, 'oauth_failed']);
    expect(refused.headers.getSetCookie()).toEqual([]);
    expect(await sessionsOf(thief)).toBe(0);
    for (const state of ['', 'x'.repeat(4_000)])
      await browser('GET', `${planted.pathname}?code=c&state=${state}`, { headers: json });
    expect(placeOf(await own.back())).toEqual(at('/account'));
  });

  it('are five at most: the oldest is given up, and the others come back', async () => {
    const browser = createBrowser(client);
    const person = newPerson();
    const tabs = [];
    for (let count = 0; count < 7; count++) tabs.push(await tab(browser, person));
    const verdicts = [];
    for (const { back } of tabs) verdicts.push((await verdictOf(await back()))[0]);
    expect(verdicts).toEqual([400, 400, 303, 303, 303, 303, 303]);
  });

  it('are fewer where their addresses are long, so that requests stay small', async () => {
    const sent: number[] = [];
    const browser = createBrowser((method, path, init) => {
      sent.push(new Headers(init?.headers).get('Cookie')?.length ?? 0);
      return client(method, path, init);
    });
    const person = newPerson();
    const tabs = [];
    for (let count = 0; count < 6; count++)
      tabs.push(await tab(browser, person, `?return_to=/docs?${'x'.repeat(980)}`));
    const verdicts = [];
    for (const { back } of tabs) verdicts.push((await verdictOf(await back()))[0]);
    expect(verdicts).toEqual([400, 400, 400, 400, 303, 303]);
    expect(Math.max(...sent)).toBeLessThan(6_000);
  });

  it('give up no cookie that is not an attempt', async () => {
    const names = ['itsor_session_oauth', 'itsor_session_oauth_', 'itsor_session_oauth_a-b', 'itsor_session'];
    const Cookie = Array.from({ length: 3 }, () => names.map((name) => `${name}=x`).join('; ')).join('; ');
    const response = await client('GET', '/auth/oauth/acme', { headers: { Cookie } });
    expect([response.status, response.headers.getSetCookie().length]).toEqual([302, 1]);
  });
});

describe('a callback that is loaded again', () => {
  const loggedIn = async (by = client, query = '?return_to=/docs') => {
    const browser = createBrowser(by);
    const person = newPerson();
    const { to, back } = await tab(browser, person, query);
    const first = await back();
    return { browser, person, to, back, first };
  };

  it('ends where the first one did, in one round trip, without a session or a cookie', async () => {
    const { person, back, first } = await loggedIn();
    expect(placeOf(first)).toEqual(at('/docs'));
    provider.asked.length = 0;
    for (let reload = 0; reload < 3; reload++) {
      let again = new Response();
      const trips = await countRoundTrips(async () => {
        again = await back();
      });
      expect([trips, ...placeOf(again)]).toEqual([1, ...at('/docs')]);
      expect(again.headers.getSetCookie()).toEqual([]);
    }
    expect([await sessionsOf(person), provider.asked]).toEqual([1, []]);
  });

  it('continues by a page where cookies are SameSite=Strict, too', async () => {
    const { first, back } = await loggedIn(strict);
    const again = await back();
    expect([again.status, again.headers.get('Refresh')]).toEqual([200, first.headers.get('Refresh')]);
  });

  it('is refused once its session has ended, and after ten minutes', async () => {
    const out = await loggedIn();
    const headers = { Origin: 'http://localhost:3002' };
    expect((await out.browser('POST', '/auth/logout', { headers })).status).toBe(204);
    expect(await verdictOf(await out.back())).toEqual([400, 'oauth_failed']);
    expect(await sessionsOf(out.person)).toBe(1);

    const late = await loggedIn();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 600_000 });
    expect(await verdictOf(await late.back())).toEqual([400, 'oauth_failed']);
  });

  it('is refused in a browser that is logged in to another session, and where the account is disabled', async () => {
    const { to, first } = await loggedIn();
    const sealed = attemptIn(first)?.value ?? '';
    const other = await loggedIn();
    const browser = other.browser;
    const planted = await comeBack(browser, to, sealed, json);
    expect(await verdictOf(planted)).toEqual([400, 'oauth_failed']);

    await sql`
      update users set disabled_at = now() from identities
      where identities.user_id = users.id and identities.subject = ${other.person.sub}`;
    expect(await verdictOf(await other.back())).toEqual([400, 'oauth_failed']);
  });

  it('is refused in another browser, which has the address but not the cookie', async () => {
    const { to, person } = await loggedIn();
    const response = await createBrowser(client)('GET', to.pathname + to.search, { headers: json });
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await sessionsOf(person)).toBe(1);
  });

  it('gives a thief with its cookie no session: it only leads to the page', async () => {
    const { to, first, person } = await loggedIn();
    const response = await comeBack(client, to, attemptIn(first)?.value ?? '', json);
    expect(placeOf(response)).toEqual(at('/docs'));
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await sessionsOf(person)).toBe(1);
  });

  it('does not take the result of another attempt or provider', async () => {
    const { first } = await loggedIn();
    const { location } = await setOut(client);
    const to = provider.consent(location, newPerson());
    const response = await comeBack(client, to, attemptIn(first)?.value ?? '', json);
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClient, newAddress, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, raceRounds, sql } from '../support/worker/database.ts';
import { injectFault } from '../support/worker/database-faults.ts';
import { mailsTo } from '../support/worker/mail.ts';
import { createVisitor, type Visitor } from '../support/worker/visitor.ts';

const variables = { RATE_LIMIT_MAX: '10000', JWT_ACCESS_MINUTES: '1' };
const origin = 'http://localhost:3002';
const ownForm = { Origin: origin, 'Sec-Fetch-Site': 'same-origin' };
const names = ['itsor_session', 'itsor_session_refresh', 'itsor_session_renew'];

const newClient = () => createClient(variables, newAddress());
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

type Row = { id: string; refresh_counter: number; is_over: boolean };
/** The sessions of an account, oldest first. */
const sessionsOf = async (email: string) =>
  (await sql`
    select s.id, s.refresh_counter, s.revoked_at is not null as is_over from sessions s
    join users u on u.id = s.user_id where u.email = ${email} order by s.id`) as Row[];
const stepsOf = async (email: string) => (await sessionsOf(email)).map((row) => row.refresh_counter);

/** Signs up in a browser of its own. */
const signUp = async (options?: Parameters<typeof createVisitor>[1]) => {
  const [client, email] = [newClient(), newEmail()];
  const by = createVisitor(client, options);
  await by.submit('/account/signup', { email, password });
  return { client, email, by };
};

/** The same, two minutes later: the access token has gone, and the refresh token is good for days. */
const comeBackLater = async (options?: Parameters<typeof createVisitor>[1]) => {
  const someone = await signUp(options);
  later(120);
  return someone;
};

const cookiesIn = ({ jar }: Visitor, ...which: string[]) =>
  Object.fromEntries(which.map((name) => [name, jar.get(name)?.value ?? '']));

const expectSignedOut = async (
  by: Visitor,
  { status, location }: Awaited<ReturnType<Visitor['open']>>,
  text: string,
) => {
  expect(status).toBe(303);
  expect(location).toMatch(/^\/account\?done=[a-z-]+&renewed=\d+$/);
  const page = await by.open(location ?? '');
  expect(page.html).toContain(text);
  expect(page.html).toContain('action="/account/login"');
  return page;
};

describe('a browser whose access token is over', () => {
  it('has a cookie that tells the pages of its refresh token, and holds no secret', async () => {
    const { by } = await signUp();
    expect(by.jar.get('itsor_session_renew')?.value).toBe('1');
    expect(by.jar.get('itsor_session_renew')?.expiresMs).toBe(by.jar.get('itsor_session_refresh')?.expiresMs);
  });

  it('sees the account when it comes back, days later as well', async () => {
    const { email, by } = await comeBackLater();
    for (const steps of [1, 2, 3]) {
      const { status, title, html } = await by.open('/account');
      expect({ status, title }).toEqual({ status: 200, title: 'Your account – localhost:3002' });
      expect(html).toContain(email);
      expect(await stepsOf(email)).toEqual([steps]);
      later(6 * 86_400);
    }
  });

  it('is renewed where it still sends the expired token, and not before it has expired', async () => {
    const { client, email, by } = await signUp();
    const cookies = cookiesIn(by, 'itsor_session', 'itsor_session_renew');
    expect((await client('GET', '/account', { cookies })).status).toBe(200);
    later(120);
    const response = await client('GET', '/account', { cookies });
    expect([response.status, response.headers.get('Location')]).toEqual([307, '/auth/renew']);
    expect(await stepsOf(email)).toEqual([0]);
  });

  it('keeps the notice of the page', async () => {
    const { by } = await comeBackLater();
    const { html } = await by.open('/account?done=verification-sent');
    expect(html).toContain('If this address still needs to be confirmed');
    later(120);
    expect((await by.open('/account?done=session-over')).html).not.toContain('Your session has ended');
    later(120);
    expect((await by.open('/account?done=%22%3E%3Cb%3E')).title).toMatch(/^Your account/);
  });

  it('sends a form that arrives with everything that was typed', async () => {
    const [{ by }, next] = [await comeBackLater(), newEmail()];
    const after = await by.submit('/account/email', { email: next, password });
    expect(after.html).toContain('We have sent a message to the new address.');
    expect((await mailsTo(next)).map(({ template }) => template)).toEqual(['verify_new_email']);
  });

  it('gets a refused form back, filled in', async () => {
    const [{ by }, next] = [await comeBackLater(), newEmail()];
    const { status, html, title } = await by.send('/account/email', { email: next, password: 'wrong' });
    expect([status, title]).toEqual([401, 'Error: Your account – localhost:3002']);
    expect(html).toContain(`value="${next}"`);
  });

  it('logs out the others, one of them, and itself', async () => {
    const { email, by } = await signUp();
    const others = [createVisitor(newClient()), createVisitor(newClient()), createVisitor(newClient())];
    for (const other of others) {
      later(1);
      await other.submit('/account/login', { identifier: email, password });
    }
    later(120);
    const [, second] = await sessionsOf(email);
    expect((await by.submit('/account/sessions/end', { id: second?.id ?? '' })).html).toContain(
      'That device is logged out.',
    );
    later(120);
    expect((await by.submit('/account/logout', { scope: 'others' })).html).toContain('Every other device');
    expect((await sessionsOf(email)).map((row) => row.is_over)).toEqual([false, true, true, true]);
    later(120);
    expect((await by.submit('/account/logout', { scope: 'local' })).html).toContain('You are logged out.');
    expect((await sessionsOf(email)).map((row) => row.is_over)).not.toContain(false);
    expect(by.jar.size).toBe(0);
  });

  it('may send its forms with their origin, which a browser hides under another policy', async () => {
    const { client, by } = await comeBackLater();
    const form = { email: newEmail(), password };
    const first = await client('POST', '/account/email', {
      form,
      headers: ownForm,
      cookies: cookiesIn(by, 'itsor_session_renew'),
    });
    const to = first.headers.get('Location') ?? '';
    expect([first.status, to]).toEqual([307, '/auth/renew?to=%2Faccount%2Femail']);
    const second = await client('POST', to, {
      form,
      headers: ownForm,
      cookies: cookiesIn(by, 'itsor_session_refresh'),
    });
    expect([second.status, second.headers.get('Location')]).toEqual([
      307,
      expect.stringMatching(/^\/account\/email\?renewed=\d+$/),
    ]);
    for (const { headers } of [first, second]) {
      expect(headers.get('Referrer-Policy')).toBe('strict-origin');
      expect(headers.get('Cache-Control')).toBe('no-store');
    }
  });

  it('is renewed in two tabs at once', async () => {
    for (let round = 0; round < raceRounds(10); round++) {
      const { client, email, by } = await comeBackLater();
      const next = newEmail();
      const tab = () => {
        const visitor = createVisitor(client);
        for (const [name, cookie] of by.jar) visitor.jar.set(name, cookie);
        return visitor;
      };
      const [page, form] = await Promise.all([
        tab().open('/account'),
        tab().send('/account/email', { email: next, password }),
      ]);
      expect([page.title, form.location]).toEqual([
        'Your account – localhost:3002',
        '/account?done=email-change-asked',
      ]);
      expect(await stepsOf(email)).toEqual([1]);
    }
  });

  it.each([['HEAD'], ['GET']])('is not renewed by a %s that is no navigation', async (method) => {
    const { client, email, by } = await comeBackLater();
    const headers: Record<string, string> = method === 'GET' ? { 'Sec-Fetch-Dest': 'image' } : {};
    const response = await client(method, '/account', {
      headers,
      cookies: cookiesIn(by, 'itsor_session_renew'),
    });
    expect(response.status).toBe(200);
    expect(await stepsOf(email)).toEqual([0]);
  });

  it('is not renewed by the forms to log in and to sign up, which need no session', async () => {
    const { client, by } = await comeBackLater();
    for (const path of ['/account/login', '/account/signup']) {
      const init = { form: {}, headers: ownForm, cookies: cookiesIn(by, 'itsor_session_renew') };
      expect((await client('POST', path, init)).status).toBe(422);
    }
  });

  it('is not renewed beside a token in a header', async () => {
    const { client, by } = await comeBackLater();
    const bearer = by.jar.get('itsor_session')?.value ?? '';
    const response = await client('GET', '/account', {
      bearer,
      cookies: cookiesIn(by, 'itsor_session_renew'),
    });
    expect(response.status).toBe(401);
  });
});

describe('a browser whose session is over', () => {
  const end = (email: string) =>
    sql`update sessions set revoked_at = now(), revoked_reason = 'logout' from users
        where users.id = user_id and email = ${email}`;

  it('sees why on the page to log in, and has no cookies any more', async () => {
    const { email, by } = await comeBackLater();
    await end(email);
    await expectSignedOut(by, await by.open('/account'), 'Your session has ended. Please log in again.');
    expect(by.jar.size).toBe(0);
    expect((await by.open('/account')).html).not.toContain('Your session has ended');
  });

  it('is told that its form was not done', async () => {
    const [{ email, by }, next] = [await comeBackLater(), newEmail()];
    await end(email);
    const refused = await by.send('/account/email', { email: next, password });
    await expectSignedOut(by, refused, 'what you have just sent was not done');
    expect(await mailsTo(next)).toEqual([]);
  });

  it('still reads that its new password is set', async () => {
    const { email, by } = await comeBackLater();
    await end(email);
    await expectSignedOut(by, await by.open('/account?done=password-reset'), 'Your new password is set');
  });

  it('is one whose account is disabled', async () => {
    const { email, by } = await comeBackLater();
    await sql`update users set disabled_at = now() where email = ${email}`;
    await expectSignedOut(by, await by.open('/account'), 'Your session has ended.');
  });

  it('is one with two refresh cookies, and neither of them is used', async () => {
    const [{ client, email, by }, attacker] = [await comeBackLater(), await signUp()];
    const [own, planted] = [by, attacker.by].map((each) => each.jar.get('itsor_session_refresh')?.value);
    const response = await client('GET', '/auth/renew', {
      headers: { Cookie: `itsor_session_refresh=${planted}; itsor_session_refresh=${own}` },
    });
    expect([response.status, response.headers.get('Location')]).toEqual([
      303,
      expect.stringMatching(/^\/account\?done=session-over&/),
    ]);
    expect(response.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(names);
    expect([await stepsOf(email), await stepsOf(attacker.email)]).toEqual([[0], [0]]);
  });

  it('keeps its cookies while the database is away', async () => {
    const { by } = await comeBackLater();
    const away = injectFault(async () => new Response('', { status: 503 }));
    const failed = await by.open('/account').finally(away.repair);
    expect(failed.status).toBe(503);
    expect(failed.headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(failed.headers.getSetCookie()).toEqual([]);
    expect((await by.open('/account')).title).toMatch(/^Your account/);
  });
});

describe('a renewal that does not help', () => {
  it('ends on the page to log in where the browser keeps no new cookies', async () => {
    let isKeeping = true;
    const { email, by } = await comeBackLater({ keeps: () => isKeeping });
    isKeeping = false;
    await expectSignedOut(by, await by.open('/account'), 'Your session has ended.');
    expect(await stepsOf(email)).toEqual([1]);
    const next = newEmail();
    const refused = await by.send('/account/email', { email: next, password });
    await expectSignedOut(by, refused, 'what you have just sent was not done');
  });

  it('ends there, too, where a neighbour has planted the cookie that says there is a refresh token', async () => {
    const by = createVisitor(newClient(), { keeps: () => false });
    by.jar.set('itsor_session_renew', { value: '1', path: '/', expiresMs: Number.POSITIVE_INFINITY });
    for (const path of ['/account', '/account?done=session-over', '/account?done=password-reset']) {
      await expectSignedOut(by, await by.open(path), '');
      later(120);
    }
  });

  it('is tried again after a minute, because the address stays in the browser', async () => {
    const { email, by } = await comeBackLater();
    const renewed = (secondsAgo: number) => `/account?renewed=${Math.floor(Date.now() / 1000) - secondsAgo}`;
    for (const secondsAgo of [0, 59, -59]) {
      await expectSignedOut(by, await by.open(renewed(secondsAgo)), 'Your session has ended.');
    }
    expect(await stepsOf(email)).toEqual([0]);
    const stale = [
      () => renewed(61),
      () => renewed(-61),
      () => '/account?renewed=',
      () => '/account?renewed=x',
    ];
    for (const [at, address] of stale.entries()) {
      expect((await by.open(address())).title, address()).toMatch(/^Your account/);
      expect(await stepsOf(email)).toEqual([at + 1]);
      later(120);
    }
  });
});

describe('/auth/renew', () => {
  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/account/login',
    '/users/me',
    '/account/email?x=1',
    '/account/email/../../auth/logout',
    '/account/email\r\nX: y',
    '',
  ])('leads a form to no address but those of the account page: %s', async (to) => {
    const { client, by } = await comeBackLater();
    for (const method of ['GET', 'POST']) {
      const response = await client(method, `/auth/renew?${new URLSearchParams({ to, done: to })}`, {
        headers: ownForm,
        cookies: cookiesIn(by, 'itsor_session_refresh'),
      });
      expect([response.status, response.headers.get('Location')]).toEqual([
        method === 'GET' ? 307 : 303,
        expect.stringMatching(/^\/account\?renewed=\d+$/),
      ]);
    }
  });

  it.each<[string, string, Record<string, string>]>([
    ['POST', 'a form of another site', { Origin: 'https://evil.example' }],
    ['POST', 'a form of another site without an origin', { 'Sec-Fetch-Site': 'cross-site' }],
    ['GET', 'an image of another site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'image' }],
    ['GET', 'a frame of another site', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Dest': 'iframe' }],
    ['GET', 'a script', { 'Sec-Fetch-Dest': 'empty' }],
  ])('refuses a %s by %s, and spends no token on it', async (method, _, headers) => {
    const { client, email, by } = await comeBackLater();
    const cookies = cookiesIn(by, 'itsor_session_refresh');
    const response = await client(method, '/auth/renew', { headers, cookies });
    expect(response.status).toBe(403);
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await stepsOf(email)).toEqual([0]);
  });

  it.each(['cross-site', 'same-site'])(
    'spends no token on a navigation that is %s, which its site can stop, but on the page after it',
    async (from) => {
      const { client, email, by } = await comeBackLater();
      const led = createVisitor((method, path, init) =>
        client(method, path, {
          ...init,
          headers: { ...init?.headers, 'Sec-Fetch-Site': from, 'Sec-Fetch-Dest': 'document' },
        }),
      );
      for (const [name, cookie] of by.jar) led.jar.set(name, cookie);
      const { status, title, headers, html } = await led.open('/account?done=verification-sent');
      expect([status, title]).toEqual([200, 'One moment – localhost:3002']);
      expect(headers.getSetCookie()).toEqual([]);
      expect(await stepsOf(email)).toEqual([0]);
      const next = '/auth/renew?done=verification-sent';
      expect(headers.get('Refresh')).toBe(`0; url=${next}`);
      expect(html).toContain(`href="${next}"`);
      const after = await by.open(next);
      expect(after.title).toMatch(/^Your account/);
      expect(after.html).toContain('If this address still needs to be confirmed');
      expect(await stepsOf(email)).toEqual([1]);
    },
  );

  it('spends no token while the access token is good, as after another tab', async () => {
    const { email, by } = await signUp();
    expect((await by.open('/auth/renew')).title).toMatch(/^Your account/);
    expect(await stepsOf(email)).toEqual([0]);
  });

  it('counts against the limit of refreshes', async () => {
    const { headers } = await newClient()('GET', '/auth/renew');
    expect(headers.get('RateLimit-Policy')).toMatch(/^"refresh";/);
  });
});

describe('a renewal', () => {
  it('takes one round trip to the database, and a page whose token is over takes none before it', async () => {
    const client = createClient({ ...variables, MAIL_QUEUE: silentQueue }, newAddress());
    const by = createVisitor(client);
    await by.submit('/account/signup', { email: newEmail(), password });
    later(120);
    const sent = (path: string, name: string) => () => client('GET', path, { cookies: cookiesIn(by, name) });
    expect(await countRoundTrips(sent('/account', 'itsor_session_renew'))).toBe(0);
    expect(await countRoundTrips(sent('/auth/renew', 'itsor_session_refresh'))).toBe(1);
  });

  it('is meant for browsers whose cookies are bound to the host as well', async () => {
    const bound = { SESSION_COOKIE_NAME: '__Host-sid', SESSION_COOKIE_SECURE: 'true' };
    const by = createVisitor(createClient({ ...variables, ...bound }, newAddress()));
    await by.submit('/account/signup', { email: newEmail(), password });
    expect([...by.jar].map(([name, { path }]) => [name, path])).toEqual([
      ['__Host-sid', '/'],
      ['__Host-sid_refresh', '/'],
      ['__Host-sid_renew', '/'],
    ]);
    later(120);
    expect((await by.open('/account')).title).toMatch(/^Your account/);
  });
});

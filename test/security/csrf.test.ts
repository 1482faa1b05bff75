import { describe, expect, it, vi } from 'vitest';
import { type Client, cookiesOf, createClient, newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { operations } from '../support/worker/routes.ts';

const own = 'http://localhost:3002';
const allowed = 'https://app.example.com';
const variables = {
  ALLOWED_ORIGINS: allowed,
  RATE_LIMIT_MAX: '10000',
};
const client = createClient(variables);

type Headers = Record<string, string>;
type Session = { email: string; bearer: string; cookies: Record<string, string> };

const signUp = async (): Promise<Session> => {
  const email = newEmail();
  const response = await client('POST', '/auth/signup', { json: { email, password } });
  const { access_token: bearer } = await response.json<{ access_token: string }>();
  const cookies = [...cookiesOf(response)].map(([name, { value }]) => [name, value]);
  return { email, bearer, cookies: Object.fromEntries(cookies) };
};

/** All rows of an account. */
const stateOf = async (email: string) => ({
  users: await sql`SELECT * FROM users WHERE email = ${email}`,
  sessions:
    await sql`SELECT s.* FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = ${email} ORDER BY s.id`,
  events:
    await sql`SELECT e.* FROM audit_events e JOIN users u ON u.id = e.subject_id WHERE u.email = ${email} ORDER BY e.id`,
});

const currentSession = async (bearer: string): Promise<string> => {
  const list = await client('GET', '/auth/sessions', { bearer });
  const { items } = await list.json<{ items: { id: string; current: boolean }[] }>();
  return items.find(({ current }) => current)?.id ?? '';
};

/** The routes that change something, as a browser or a client calls them, with their status on success. */
const routes: readonly [
  string,
  number,
  (session: Session, headers: Headers, by: Client) => Promise<Response>,
][] = [
  [
    'a login with JSON',
    200,
    ({ email }, headers, by) => by('POST', '/auth/token', { json: { email, password }, headers }),
  ],
  [
    'a login in a browser that has a session',
    200,
    ({ email, cookies }, headers, by) =>
      by('POST', '/auth/token', { json: { email, password }, cookies, headers }),
  ],
  [
    'a login with a form',
    200,
    ({ email: username }, headers, by) =>
      by('POST', '/auth/token', { form: { grant_type: 'password', username, password }, headers }),
  ],
  [
    'a sign-up',
    409,
    ({ email }, headers, by) => by('POST', '/auth/signup', { json: { email, password }, headers }),
  ],
  [
    'a refresh by cookie',
    200,
    ({ cookies }, headers, by) => by('POST', '/auth/refresh', { cookies, headers }),
  ],
  [
    'a refresh by body',
    200,
    ({ cookies }, headers, by) =>
      by('POST', '/auth/refresh', { json: { refresh_token: cookies.itsor_session_refresh }, headers }),
  ],
  [
    'a revocation',
    200,
    ({ cookies }, headers, by) =>
      by('POST', '/auth/revoke', { form: { token: cookies.itsor_session_refresh ?? '' }, headers }),
  ],
  ['a logout by cookie', 204, ({ cookies }, headers, by) => by('POST', '/auth/logout', { cookies, headers })],
  [
    'a logout of all by cookie',
    204,
    ({ cookies }, headers, by) => by('POST', '/auth/logout?scope=global', { cookies, headers }),
  ],
  [
    'the end of a session by cookie',
    204,
    async ({ cookies, bearer }, headers, by) =>
      by('DELETE', `/auth/sessions/${await currentSession(bearer)}`, { cookies, headers }),
  ],
];

/** The headers that name the origin of a request, and whether the contract accepts them. */
const origins: readonly [string, string | null, 'passes' | 'is refused' | 'is decided by Sec-Fetch-Site'][] =
  [
    ['the API’s own origin', own, 'passes'],
    ['an allowed origin', allowed, 'passes'],
    ['a foreign origin', 'https://evil.example', 'is refused'],
    ['another port of this machine', 'http://localhost:3999', 'passes'],
    ['a host that begins like this machine', 'http://localhost.evil.example:3999', 'is refused'],
    ['an allowed origin with a suffix', `${allowed}.evil.example`, 'is refused'],
    ['the origin null', 'null', 'is refused'],
    ['an empty origin', '', 'is refused'],
    ['no origin', null, 'is decided by Sec-Fetch-Site'],
  ];
const sites: readonly [string | null, boolean][] = [
  [null, true],
  ['none', true],
  ['same-origin', true],
  ['same-site', false],
  ['cross-site', false],
  ['anything else', false],
];

const situations = origins.flatMap(([from, origin, verdict]) =>
  sites.map(([site, ownSite]) => ({
    name: `${from}, Sec-Fetch-Site ${site ?? 'absent'}`,
    headers: {
      ...(origin !== null && { Origin: origin }),
      ...(site !== null && { 'Sec-Fetch-Site': site }),
    },
    passes: verdict === 'passes' || (verdict === 'is decided by Sec-Fetch-Site' && ownSite),
  })),
);

describe.each(routes)('%s', (_, success, send) => {
  // Proves ASVS 3.5.1.
  it('is refused from every place that is not ours, and nothing is written', async () => {
    const session = await signUp();
    const before = await stateOf(session.email);
    for (const { name, headers } of situations.filter(({ passes }) => !passes)) {
      const response = await send(session, headers, client);
      expect(response.status, name).toBe(403);
      expect(response.headers.getSetCookie(), name).toEqual([]);
      expect(await response.json(), name).toMatchObject({ code: 'csrf_rejected' });
    }
    expect(await stateOf(session.email)).toEqual(before);
  });

  it('passes from every place that is ours', async () => {
    for (const { name, headers } of situations.filter(({ passes }) => passes)) {
      const response = await send(await signUp(), headers, client);
      expect(response.status, name).toBe(success);
    }
  });

  it('passes with a bearer token from anywhere', async () => {
    const session = await signUp();
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' };
    const response = await send(session, { ...headers, Authorization: `Bearer ${session.bearer}` }, client);
    expect(response.status).toBe(success);
  });
});

it('a refused origin is named with the variable that could allow it, and so in the log', async () => {
  const written: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void written.push(line));
  const logging = createClient({ ...variables, LOG_LEVEL: 'warn' });
  const refuse = async (Origin: string) => {
    const response = await logging('POST', '/auth/logout', { headers: { Origin } });
    return (await response.json<{ detail: string }>()).detail;
  };
  const named = await refuse('https://fe.example:5173');
  const nowhere = await refuse('null');
  const long = await refuse(`https://${'a'.repeat(5000)}.example`);
  const preflight = { Origin: 'https://other.example', 'Access-Control-Request-Method': 'POST' };
  await logging('OPTIONS', '/auth/token', { headers: preflight });
  log.mockRestore();
  expect(named).toContain('https://fe.example:5173');
  expect(named).toContain('ALLOWED_ORIGINS');
  expect(nowhere).toContain('a page without an origin');
  expect(long).not.toContain('aaa');
  const lines = written.filter((line) => line.includes('origin_refused'));
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/https:\/\/fe\.example:5173.*ALLOWED_ORIGINS/);
  expect(lines[3]).toContain('https://other.example');
  for (const line of lines) expect(line.length).toBeLessThan(500);
});

it('a sign-up from a foreign site creates no account', async () => {
  const email = newEmail();
  const headers = { Origin: 'https://evil.example' };
  const response = await client('POST', '/auth/signup', { json: { email, password }, headers });
  expect(response.status).toBe(403);
  expect(await sql`SELECT id FROM users WHERE email = ${email}`).toEqual([]);
});

describe('the exemption of bearer tokens', () => {
  const foreign = { Origin: 'https://evil.example' };

  it.each(['Basic YTpi', 'Bearer', 'Bearer ', 'Bearer a b', 'Token x', 'Digest username="a"', ''])(
    // Proves ASVS 3.5.1.
    'is not for "%s", which a browser may add by itself or which is no token',
    async (Authorization) => {
      const { cookies, email } = await signUp();
      const before = await stateOf(email);
      for (const path of ['/auth/refresh', '/auth/logout']) {
        const response = await client('POST', path, { cookies, headers: { ...foreign, Authorization } });
        expect(response.status).toBe(403);
      }
      expect(await stateOf(email)).toEqual(before);
    },
  );

  it('does not apply where headers carry no tokens', async () => {
    const cookiesOnly = createClient({ ...variables, JWT_TOKEN_LOCATION: 'cookies' });
    const { cookies, bearer, email } = await signUp();
    const before = await stateOf(email);
    const response = await cookiesOnly('POST', '/auth/logout', { cookies, bearer, headers: foreign });
    expect(response.status).toBe(403);
    expect(await stateOf(email)).toEqual(before);
  });

  it('applies only to the configured header', async () => {
    const other = createClient({ ...variables, JWT_HEADER_NAME: 'X-Token', JWT_HEADER_TYPE: 'JWT' });
    const { cookies, bearer } = await signUp();
    const send = (headers: Headers) =>
      other('POST', '/auth/refresh', { cookies, headers: { ...foreign, ...headers } });
    expect((await send({ Authorization: `Bearer ${bearer}` })).status).toBe(403);
    expect((await send({ 'X-Token': `Bearer ${bearer}` })).status).toBe(403);
    expect((await send({ 'X-Token': `JWT ${bearer}` })).status).toBe(200);
  });
});

describe('safe methods', () => {
  it.each(['GET', 'HEAD', 'OPTIONS'])(
    // Proves ASVS 3.5.3.
    '%s needs no proof of where it comes from, and changes nothing',
    async (method) => {
      const { cookies, email } = await signUp();
      const before = await stateOf(email);
      const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' };
      for (const path of ['/auth/me', '/auth/logout', '/auth/refresh', '/auth/token', '/auth/sessions']) {
        expect((await client(method, path, { cookies, headers })).status).not.toBe(403);
      }
      expect(await stateOf(email)).toEqual(before);
    },
  );
});

describe('whatever the route', () => {
  const unsafe = Object.keys(operations)
    .filter((key) => !key.startsWith('GET '))
    .map((key) => key.split(' ') as [string, string]);

  it.each([...unsafe, ['PUT', '/nothing'], ['POST', '/auth/me']] as const)(
    // Proves ASVS 3.5.2.
    '%s %s is refused from a foreign site',
    async (method, path) => {
      const response = await client(method, path, { headers: { Origin: 'https://evil.example' } });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: 'csrf_rejected' });
    },
  );
});

it('the refused origin of an app is named too, although the URL standard knows none of its scheme', async () => {
  const response = await client('POST', '/auth/logout', { headers: { Origin: 'capacitor://app.example' } });
  expect(response.status).toBe(403);
  expect(await response.text()).toContain('capacitor://app.example');
});

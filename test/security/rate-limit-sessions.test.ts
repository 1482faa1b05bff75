import { describe, expect, it } from 'vitest';
import { newAdmin } from '../support/worker/administrators.ts';
import { type Client, createClient, newAccount, newAddress, password } from '../support/worker/client.ts';

const generous = createClient({ RATE_LIMIT_MAX: '1000' });
/** Ten requests a minute for a person, and for a network. */
const limited = (address = newAddress()) => createClient({ RATE_LIMIT_MAX: '10' }, address);

/** An account with two sessions, of which one has ended. */
const newOwner = async () => {
  const { user, access_token: dead } = await newAccount(generous);
  const login = await generous('POST', '/auth/token', { json: { email: user.email, password } });
  const { access_token: live } = await login.json<{ access_token: string }>();
  await generous('POST', '/auth/logout', { bearer: dead });
  return { user, live, dead };
};

const statusesOf = async (count: number, ask: () => Promise<Response>): Promise<number[]> => {
  const statuses: number[] = [];
  for (let index = 0; index < count; index++) statuses.push((await ask()).status);
  return statuses;
};

const leftFor = async (client: Client, bearer: string) =>
  (await client('GET', '/auth/me', { bearer })).headers.get('RateLimit')?.match(/r=(\d+)/)?.[1];

describe('the completion of uploads', () => {
  it('is counted per network, however many accounts complete them', async () => {
    const office = limited();
    const bearers = [(await newOwner()).live, (await newOwner()).live];
    const complete = (turn: number) =>
      office('POST', `/uploads/${crypto.randomUUID()}/complete`, { bearer: bearers[turn % 2] ?? '' });
    for (let turn = 0; turn < 6; turn++) expect((await complete(turn)).status).toBe(404);
    for (const turn of [0, 1]) {
      const refused = await complete(turn);
      expect(refused.status).toBe(429);
      expect(await refused.json()).toMatchObject({ 'violated-policies': ['completion'] });
    }
  });
});

describe('a token whose session has ended', () => {
  it('leaves its owner’s limit after a hundred requests in turn and a hundred at once, and uses up its network’s', async () => {
    const { live, dead } = await newOwner();
    const attacker = limited();
    const ask = () => attacker('GET', '/auth/me', { bearer: dead });
    const inTurn = await statusesOf(100, ask);
    expect(inTurn).toEqual([...Array(10).fill(401), ...Array(90).fill(429)]);
    const atOnce = await Promise.all(Array.from({ length: 100 }, ask));
    expect(new Set(atOnce.map(({ status }) => status))).toEqual(new Set([429]));
    expect(await leftFor(limited(), live)).toBe('9');
  });

  it('leaves its owner’s limit when the hundred at once come first, through separate isolates', async () => {
    const { live, dead } = await newOwner();
    const address = newAddress();
    await Promise.all(
      Array.from({ length: 100 }, () => limited(address)('GET', '/auth/me', { bearer: dead })),
    );
    expect((await limited(address)('GET', '/auth/me', { bearer: dead })).status).toBe(429);
    expect(await leftFor(limited(), live)).toBe('9');
  });

  const html = { headers: { Accept: 'text/html' } };
  it.each<[string, (client: Client, bearer: string) => Promise<Response>]>([
    [
      'a body that is not valid',
      (client, bearer) => client('PATCH', '/users/me', { bearer, json: { a: 1 } }),
    ],
    [
      'a path parameter that is not valid',
      (client, bearer) => client('DELETE', '/auth/sessions/x', { bearer }),
    ],
    [
      'a type of body that is not taken',
      (client, bearer) => client('PATCH', '/users/me', { bearer, form: {} }),
    ],
    ['a method that there is not', (client, bearer) => client('PUT', '/auth/me', { bearer })],
    ['a path that there is not', (client, bearer) => client('GET', '/nothing/here', { bearer })],
    ['a logout', (client, bearer) => client('POST', '/auth/logout', { bearer })],
    ['a revocation', (client, bearer) => client('POST', '/auth/revoke', { bearer, form: { token: 'x' } })],
    ['a list of others', (client, bearer) => client('GET', '/users', { bearer })],
    [
      'a password that is too weak',
      (client, bearer) => client('POST', '/users', { bearer, json: { email: 'a@b.example', password: 'x' } }),
    ],
    [
      'the account page',
      (client, bearer) =>
        client('GET', '/account?done=logged-out', { cookies: { itsor_session: bearer }, ...html }),
    ],
    [
      'a form of the account page',
      (client, bearer) =>
        client('POST', '/account/sessions/end', {
          cookies: { itsor_session: bearer },
          form: { id: crypto.randomUUID() },
          headers: { Origin: 'http://localhost:3002' },
        }),
    ],
    [
      'a form of the account page with a notice',
      (client, bearer) =>
        client('POST', '/account/identities/unlink?done=session-ended', {
          cookies: { itsor_session: bearer },
          form: { id: crypto.randomUUID() },
          headers: { Origin: 'http://localhost:3002' },
        }),
    ],
  ])('takes nothing by %s either', async (_, ask) => {
    const { live, dead } = await newOwner();
    const client = limited();
    const statuses = await statusesOf(12, () => ask(client, dead));
    expect(statuses.slice(10)).toEqual([429, 429]);
    expect(await leftFor(limited(), live)).toBe('9');
  });

  it.each<[string, string, (client: Client, bearer: string) => Promise<Response>]>([
    [
      'refresh',
      'POST /auth/refresh',
      (client, bearer) => client('POST', '/auth/refresh', { bearer, json: { refresh_token: 'x' } }),
    ],
    ['upload', 'POST /uploads', (client, bearer) => client('POST', '/uploads', { bearer, json: {} })],
  ])('takes nothing of the class %s', async (_, route, ask) => {
    const { live, dead } = await newOwner();
    const client = limited();
    await statusesOf(12, () => ask(client, dead));
    expect((await ask(client, dead)).status).toBe(429);
    expect((await ask(limited(), live)).status, route).not.toBe(429);
  });

  it('is refused without the headers of the answer that it would have had', async () => {
    const { dead } = await newOwner();
    const client = limited();
    await statusesOf(10, () => client('GET', '/nothing/here'));
    const response = await client('GET', '/auth/me', { bearer: dead });
    expect(response.status).toBe(429);
    expect(response.headers.get('WWW-Authenticate')).toBeNull();
    expect(response.headers.get('RateLimit')).toMatch(/^"default";r=0;t=\d+$/);
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(await response.json()).toMatchObject({ code: 'rate_limited' });
  });

  it('leaves the limit of a deleted account too', async () => {
    const { user, live } = await newOwner();
    const { access_token: bearer } = await newAdmin(generous);
    await generous('DELETE', `/users/${user.id}`, { bearer });
    const client = limited();
    const statuses = await statusesOf(12, () => client('GET', '/auth/me', { bearer: live }));
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  });
});

describe('a live session', () => {
  it('counts for its person, whatever the answer of a resource', async () => {
    const { access_token: bearer } = await newAccount(generous);
    const client = limited();
    const missing = `/auth/sessions/${crypto.randomUUID()}`;
    const statuses = await statusesOf(12, () => client('DELETE', missing, { bearer }));
    expect(statuses).toEqual([...Array(10).fill(404), 429, 429]);
    expect((await client('GET', '/auth/me')).status).toBe(401);
  });

  it('counts for its person on the account page too', async () => {
    const { access_token: itsor_session } = await newAccount(generous);
    const client = limited();
    const ask = () =>
      client('GET', '/account', { cookies: { itsor_session }, headers: { Accept: 'text/html' } });
    expect(await statusesOf(12, ask)).toEqual([...Array(10).fill(200), 429, 429]);
    expect((await client('GET', '/auth/me')).status).toBe(401);
  });

  it('is counted for its person again after an unreadable request', async () => {
    const { access_token: bearer } = await newAccount(generous);
    const client = limited();
    expect((await client('PATCH', '/users/me', { bearer, json: { a: 1 } })).status).toBe(422);
    await client('GET', '/auth/me', { bearer });
    expect(await leftFor(client, bearer)).toBe('9');
  });
});

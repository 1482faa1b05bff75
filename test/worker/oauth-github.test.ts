import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { createClient, newEmail, type Tokens } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { comeBack, json, sessionOf, setOut, verdictOf } from '../support/worker/identity-provider.ts';

const client = createClient({
  GITHUB_CLIENT_ID: 'Iv1.itsor',
  GITHUB_CLIENT_SECRET: 'the-secret-of-the-app',
  RATE_LIMIT_MAX: '100000',
});

type Address = { email: string; primary: boolean; verified: boolean; visibility: string | null };
const addressOf = (email: string, more: Partial<Address> = {}): Address => ({
  email,
  primary: true,
  verified: true,
  visibility: 'private',
  ...more,
});

const tokenUrl = 'https://github.com/login/oauth/access_token';
const userUrl = 'https://api.github.com/user';
const addressesUrl = 'https://api.github.com/user/emails';

/** GitHub with the answers of its documentation; a test can replace them. */
let answers: Record<string, () => Response>;
let asked: { url: string; init: RequestInit | undefined }[];
let lastId = Date.now();
let id = 0;
let fetches: MockInstance<typeof fetch>;

beforeEach(() => {
  id = ++lastId;
  asked = [];
  answers = {
    [tokenUrl]: () =>
      Response.json({ access_token: 'gho_1', scope: 'read:user,user:email', token_type: 'bearer' }),
    [userUrl]: () => Response.json({ login: 'octocat', id, node_id: 'MDQ6', email: null, type: 'User' }),
    [addressesUrl]: () => Response.json([addressOf(newEmail())]),
  };
  const elsewhere = globalThis.fetch;
  fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
    const answer = answers[String(target)];
    if (!answer) return elsewhere(target, init);
    asked.push({ url: String(target), init });
    return answer();
  });
});
afterEach(() => fetches.mockRestore());

const signOn = async (change: (to: URL) => void = () => {}) => {
  const { location, sealed } = await setOut(client, '', 'github');
  const to = new URL('http://localhost:3002/auth/oauth/github/callback?code=c0de');
  to.searchParams.set('state', new URL(location).searchParams.get('state') ?? '');
  change(to);
  return { location, response: await comeBack(client, to, sealed, json) };
};
const identitiesOf = () =>
  sql`select u.email, u.email_verified_at is not null as verified from identities i join users u on u.id = i.user_id
      where i.issuer = 'https://github.com' and i.subject = ${String(id)}`;

describe('GitHub', () => {
  // Proves ASVS 10.2.3.
  it('is asked for a code with PKCE and state, and only for the user and the addresses', async () => {
    const { location, response } = await signOn();
    const { origin, pathname, searchParams } = new URL(location);
    expect(origin + pathname).toBe('https://github.com/login/oauth/authorize');
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: 'Iv1.itsor',
      redirect_uri: 'http://localhost:3002/auth/oauth/github/callback',
      response_type: 'code',
      scope: 'read:user user:email',
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(response.status).toBe(303);

    const [exchange, ...reads] = asked;
    const form = new URLSearchParams(String(exchange?.init?.body));
    expect(Object.fromEntries(form)).toMatchObject({
      client_id: 'Iv1.itsor',
      client_secret: 'the-secret-of-the-app',
      code: 'c0de',
      code_verifier: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(new Headers(exchange?.init?.headers).get('Accept')).toBe('application/json');
    for (const { init } of reads) {
      expect(Object.fromEntries(new Headers(init?.headers))).toMatchObject({
        authorization: 'Bearer gho_1',
        'user-agent': 'itsor',
      });
    }
  });

  // Proves ASVS 10.5.2.
  it('identifies a user by number, whatever the name is now', async () => {
    const email = newEmail();
    answers[addressesUrl] = () =>
      Response.json([addressOf(newEmail(), { primary: false }), addressOf(email.toUpperCase())]);
    const { response } = await signOn();
    const me = await (await client('GET', '/auth/me', { cookies: sessionOf(response) })).json<
      Tokens['user']
    >();
    expect(me).toMatchObject({ email, email_verified: true });

    answers[userUrl] = () => Response.json({ login: 'renamed', id });
    answers[addressesUrl] = () => Response.json([addressOf(newEmail())]);
    const again = (await signOn()).response;
    expect(await (await client('GET', '/auth/me', { cookies: sessionOf(again) })).json()).toMatchObject({
      id: me.id,
    });
  });

  it('vouches only for the primary address, and only if it has verified it', async () => {
    answers[addressesUrl] = () =>
      Response.json([addressOf(newEmail(), { verified: false }), addressOf(newEmail(), { primary: false })]);
    await signOn();
    expect(await identitiesOf()).toEqual([{ email: expect.any(String), verified: false }]);
  });

  it.each<[string, () => Response]>([
    ['has no primary address', () => Response.json([addressOf(newEmail(), { primary: false })])],
    ['was not allowed to tell the addresses', () => Response.json({ message: 'Not Found' }, { status: 404 })],
  ])('makes no account for a person who %s', async (_, answer) => {
    answers[addressesUrl] = answer;
    expect(await verdictOf((await signOn()).response)).toEqual([400, 'oauth_failed']);
    expect(await identitiesOf()).toEqual([]);
  });

  // Proves ASVS 10.2.2.
  it('can send its own issuer in the answer, and no other issuer', async () => {
    const named = (iss: string) => (to: URL) => to.searchParams.set('iss', iss);
    expect((await signOn(named('https://github.com/login/oauth'))).response.status).toBe(303);
    for (const iss of ['https://evil.example', 'https://github.com'])
      expect(await verdictOf((await signOn(named(iss))).response)).toEqual([400, 'oauth_failed']);
  });

  it.each<[string, number, string, () => Response]>([
    ['a code that was used', 400, 'oauth_failed', () => Response.json({ error: 'bad_verification_code' })],
    [
      'a wrong secret',
      503,
      'service_unavailable',
      () => Response.json({ error: 'incorrect_client_credentials' }),
    ],
    [
      'a wrong redirect URI',
      503,
      'service_unavailable',
      () => Response.json({ error: 'redirect_uri_mismatch' }),
    ],
    ['a page in the place of JSON', 503, 'service_unavailable', () => new Response('<h1>Unicorn!</h1>')],
    ['a failure', 503, 'service_unavailable', () => new Response(null, { status: 502 })],
    [
      'a redirect',
      503,
      'service_unavailable',
      () => new Response(null, { status: 302, headers: { Location: 'https://evil.example' } }),
    ],
    ['nothing of use', 503, 'service_unavailable', () => Response.json({})],
  ])('answers the code with %s: %i %s', async (_, status, code, answer) => {
    const logged = vi.spyOn(console, 'log').mockImplementation(() => {});
    answers[tokenUrl] = answer;
    expect(await verdictOf((await signOn()).response)).toEqual([status, code]);
    logged.mockRestore();
    expect(await identitiesOf()).toEqual([]);
  });

  it('is 503 when it does not answer who the user is', async () => {
    const logged = vi.spyOn(console, 'log').mockImplementation(() => {});
    answers[userUrl] = () => Response.json({ message: 'Server Error' }, { status: 500 });
    expect(await verdictOf((await signOn()).response)).toEqual([503, 'service_unavailable']);
    logged.mockRestore();
  });

  it('is not called after an answer with another state', async () => {
    const { response } = await signOn((to) => to.searchParams.set('state', 'another'));
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    expect(asked).toEqual([]);
  });
});

import { decodeJwt, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { cookiesOf, createClient, newAccount, type Tokens } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import {
  attemptCookieOf,
  attemptIn,
  clientId,
  comeBack,
  createProvider,
  issuer,
  json,
  newPerson,
  sessionOf,
  setOut,
  signOn,
  verdictOf,
  withProvider,
} from '../support/worker/identity-provider.ts';

const provider = createProvider();
const client = createClient(withProvider);
const queryOf = (location: string) => new URL(location).searchParams;
const identitiesOf = (subject: string) =>
  sql`select user_id from identities where issuer = ${issuer} and subject = ${subject}`;

describe('starting a login at a provider', () => {
  // Proves ASVS 10.2.1.
  it('asks for a code with a fresh PKCE challenge, state and nonce, without the database', async () => {
    const trips = await countRoundTrips(() => setOut(client));
    const { location: first } = await setOut(client);
    const { location: second, response } = await setOut(client);
    expect(trips).toBe(0);

    expect(first).toMatch(new RegExp(`^${issuer}/authorize\\?`));
    expect(Object.fromEntries(queryOf(second))).toEqual({
      tenant: '1',
      client_id: clientId,
      redirect_uri: 'http://localhost:3002/auth/oauth/acme/callback',
      response_type: 'code',
      scope: 'openid email profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge'])
      expect(queryOf(first).get(name)).not.toBe(queryOf(second).get(name));
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([302, 'no-store']);
  });

  it('keeps the attempt in a sealed cookie that only the callback receives', async () => {
    const { response, location, sealed } = await setOut(client);
    expect(attemptIn(response)?.name).toBe(await attemptCookieOf(location));
    expect(attemptIn(response)?.attributes).toEqual([
      'Max-Age=600',
      'Path=/auth/oauth',
      'HttpOnly',
      'SameSite=Lax',
    ]);
    const readable = sealed.split('.').map((part) => atob(part.replace(/-/g, '+').replace(/_/g, '/')));
    expect(readable.join()).not.toContain(queryOf(location).get('nonce'));
    expect(sealed.length).toBeLessThan(1024);
  });

  it('sets a cookie that is SameSite=Lax whatever the session is, and one with a __Host- name', async () => {
    const variables = {
      ...withProvider,
      SESSION_COOKIE_NAME: '__Host-itsor',
      SESSION_COOKIE_SECURE: 'true',
      SESSION_COOKIE_SAMESITE: 'strict',
    };
    const { response } = await setOut(createClient(variables));
    const [[name, cookie] = []] = [...cookiesOf(response)];
    expect(name).toMatch(/^__Host-itsor_oauth_[0-9a-f]{16}$/);
    expect(cookie?.attributes).toEqual(['Max-Age=600', 'Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']);
  });

  it('leads back to API_URL, whatever the Host header is', async () => {
    const elsewhere = createClient({ ...withProvider, API_URL: 'https://api.example.com' });
    const { location } = await setOut(elsewhere);
    expect(queryOf(location).get('redirect_uri')).toBe('https://api.example.com/auth/oauth/acme/callback');
  });

  it('is 404 for an unknown provider, and where cookies are not accepted', async () => {
    expect((await setOut(client, '', 'other')).response.status).toBe(404);
    expect((await setOut(createClient(), '')).response.status).toBe(404);
    const byHeader = createClient({ ...withProvider, JWT_TOKEN_LOCATION: 'headers' });
    for (const path of ['/auth/oauth/acme', '/auth/oauth/acme/callback'])
      expect((await byHeader('GET', path)).status).toBe(404);
  });

  it('asks for the discovery document once an hour', async () => {
    const own = createClient(withProvider);
    const discoveries = () => provider.asked.filter(({ url }) => url.includes('.well-known')).length;
    await setOut(own);
    const before = discoveries();
    await setOut(own);
    expect(discoveries()).toBe(before);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    await setOut(own);
    vi.useRealTimers();
    expect(discoveries()).toBe(before + 1);
  });
});

it('the routes of a login at a provider are limited per network, whatever token the request has', async () => {
  const limited = createClient({ ...withProvider, RATE_LIMIT_MAX: '10' });
  const statuses = [];
  for (let turn = 0; turn < 9; turn++) {
    const path = turn % 2 === 0 ? '/auth/oauth/acme' : '/auth/oauth/acme/callback?code=x&state=y';
    const { status, headers } = await limited('GET', path, { headers: json });
    expect(headers.get('RateLimit-Policy')).toBe('"oauth";q=8;w=60');
    statuses.push(status);
  }
  expect(statuses).toEqual([302, 400, 302, 400, 302, 400, 302, 400, 429]);
});

describe('the address after a login at a provider', () => {
  const sites = {
    ...withProvider,
    APP_URL: 'https://app.example.com/home',
    ALLOWED_ORIGINS: 'https://b.example',
  };
  const own = createClient(sites);

  it.each([
    ['', 'http://localhost:3002/account'],
    ['?return_to=/account%3Fdone%3Dx', 'http://localhost:3002/account?done=x'],
    ['?return_to=https://app.example.com/welcome', 'https://app.example.com/welcome'],
    ['?return_to=https://b.example/', 'https://b.example/'],
    ['?return_to=http://localhost:3002/docs', 'http://localhost:3002/docs'],
    // Proves ASVS 3.7.2.
  ])('with "%s" it is %s', async (query, place) => {
    const response = await signOn(own, provider, newPerson(), query);
    expect([response.status, response.headers.get('Location')]).toEqual([303, place]);
  });

  it.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    'https://app.example.com.evil.example/',
    'https://app.example.com@evil.example/',
    'https://ada@app.example.com/',
    'http://app.example.com/',
    'https://app.example.com:444/',
    'javascript:alert(1)',
    'blob:http://localhost:3002/x',
    'data:text/html,x',
    `/${'a'.repeat(1024)}`,
    'http://[',
    // Proves ASVS 3.7.2; RFC 9700, 4.11.
  ])('is never %s', async (address) => {
    const query = `?return_to=${encodeURIComponent(address)}`;
    const response = await own('GET', `/auth/oauth/acme${query}`, { headers: json });
    expect(await verdictOf(response)).toEqual([422, 'validation_failed']);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('is reached through a page where the session is SameSite=Strict, which a redirect would not send', async () => {
    const strict = createClient({ ...withProvider, SESSION_COOKIE_SAMESITE: 'strict' });
    const response = await signOn(strict, provider, newPerson());
    expect([response.status, response.headers.get('Refresh')]).toEqual([
      200,
      '0; url=http://localhost:3002/account',
    ]);
    expect(await response.text()).toContain('href="http://localhost:3002/account"');
  });
});

describe('the callback of a provider', () => {
  it('sets the cookies of a login, and ends the attempt', async () => {
    const person = newPerson();
    const login = await client('POST', '/auth/token', {
      json: { email: (await newAccount(client)).user.email, password: 'correct horse battery staple' },
    });
    const response = await signOn(client, provider, person);

    const shapes = (answer: Response) =>
      [...cookiesOf(answer)]
        .filter(([name]) => name !== attemptIn(answer)?.name)
        .map(([name, { attributes }]) => [name, attributes]);
    expect(shapes(response)).toEqual(shapes(login));
    // Its result takes the place of the attempt, which cannot be used again.
    expect(attemptIn(response)?.attributes).toEqual([
      'Max-Age=600',
      'Path=/auth/oauth',
      'HttpOnly',
      'SameSite=Lax',
    ]);
    const me = await (await client('GET', '/auth/me', { cookies: sessionOf(response) })).json<
      Tokens['user']
    >();
    expect(me).toMatchObject({ email: person.email, email_verified: true, password_changed_at: null });
  });

  // Proves RFC 9700, 2.1.1.
  it('authenticates at the provider with the secret and the code verifier', async () => {
    await signOn(client, provider, newPerson());
    const { init } = provider.asked.find(({ url }) => url.endsWith('/token')) ?? {};
    expect(new Headers(init?.headers).get('Authorization')).toMatch(/^Basic /);
    expect(init?.redirect).toBe('manual');
  });

  it('sends the secret in the body to a provider that accepts it only there', async () => {
    provider.twist({ metadata: { token_endpoint_auth_methods_supported: ['client_secret_post'] } });
    const response = await signOn(createClient(withProvider), provider, newPerson());
    expect(response.status).toBe(303);
    const { init } = provider.asked.find(({ url }) => url.endsWith('/token')) ?? {};
    expect(String(init?.body)).toContain('client_secret=');
  });

  it.each([
    [undefined, 'Basic', 'a%2Fb%2Bc%25%3A', null],
    ['client_secret_basic', 'Basic', 'a%2Fb%2Bc%25%3A', null],
    ['client_secret_basic_raw', 'Basic', 'a/b+c%:', null],
    ['client_secret_post', null, null, 'a/b+c%:'],
  ])('sends the secret as token_endpoint_auth_method=%s says, in one place only', async (method, ...sent) => {
    const entry = { id: 'acme', issuer, client_id: 'itsor', client_secret: 'a/b+c%:' };
    const chosen = JSON.stringify([{ ...entry, token_endpoint_auth_method: method }]);
    provider.twist({ claims: (claims) => ({ ...claims, aud: 'itsor' }) });
    const own = createClient({ ...withProvider, OIDC_PROVIDERS: chosen });
    expect((await signOn(own, provider, newPerson())).status).toBe(303);
    const { init } = provider.asked.find(({ url }) => url.endsWith('/token')) ?? {};
    const [scheme = null, credentials] = new Headers(init?.headers).get('Authorization')?.split(' ') ?? [];
    const secret = credentials ? atob(credentials).replace(/^itsor:/, '') : null;
    expect([scheme, secret, new URLSearchParams(String(init?.body)).get('client_secret')]).toEqual(sent);
  });

  it('opens attempts that the previous key has sealed', async () => {
    const secret = 'a former key of the service';
    const before = createClient({ ...withProvider, SECRET_KEY: secret });
    const after = createClient({ ...withProvider, SECRET_KEY: 'the next one', SECRET_KEY_PREVIOUS: secret });
    const { location, sealed } = await setOut(before);
    expect((await comeBack(after, provider.consent(location, newPerson()), sealed)).status).toBe(303);
  });

  type Trip = Awaited<ReturnType<typeof setOut>>;
  const answerOf = async (change: (to: URL, trip: Trip) => string | Promise<string>) => {
    const person = newPerson();
    const trip = await setOut(client);
    const to = provider.consent(trip.location, person);
    const sealed = await change(to, trip);
    provider.asked.length = 0;
    let response = new Response();
    const trips = await countRoundTrips(async () => {
      response = await comeBack(client, to, sealed, json);
    });
    return { person, response, trips };
  };

  it.each<[string, (to: URL, trip: Trip) => string | Promise<string>]>([
    ['without the cookie', () => ''],
    ['with a cookie that we have not sealed', () => 'made.up.by.some.body'],
    ['with the cookie of another attempt', async () => (await setOut(client)).sealed],
    [
      'with another state',
      (to, { sealed }) => {
        to.searchParams.set('state', 'A'.repeat(43));
        return sealed;
      },
    ],
    [
      'without a state',
      (to, { sealed }) => {
        to.searchParams.delete('state');
        return sealed;
      },
    ],
    [
      'with the cookie of another key',
      async () => (await setOut(createClient({ ...withProvider, SECRET_KEY: 'of another service' }))).sealed,
    ],
    // Proves ASVS 10.1.2; RFC 9700, 2.1.1.
  ])('%s is refused, and neither the provider nor the database is asked', async (_, change) => {
    const { person, response, trips } = await answerOf(change);
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    // The cookie of the browser is deleted.
    expect([...cookiesOf(response)].filter(([, { value }]) => value !== '')).toEqual([]);
    expect([trips, provider.asked]).toEqual([0, []]);
    expect(await identitiesOf(person.sub)).toEqual([]);
  });

  // Proves ASVS 6.8.1.
  it('is refused at another provider than that of the attempt', async () => {
    const [acme] = JSON.parse(withProvider.OIDC_PROVIDERS);
    const two = createClient({
      ...withProvider,
      OIDC_PROVIDERS: JSON.stringify([acme, { ...acme, id: 'other' }]),
    });
    const { location, sealed } = await setOut(two);
    const to = provider.consent(location, newPerson());
    to.pathname = '/auth/oauth/other/callback';
    expect(await verdictOf(await comeBack(two, to, sealed, json))).toEqual([400, 'oauth_failed']);
  });

  it('is refused after ten minutes', async () => {
    const { location, sealed } = await setOut(client);
    const to = provider.consent(location, newPerson());
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
    const response = await comeBack(client, to, sealed, json);
    vi.useRealTimers();
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
  });

  it('is refused with two cookies of the same name', async () => {
    const { location, sealed } = await setOut(client);
    const to = provider.consent(location, newPerson());
    const name = await attemptCookieOf(to);
    const response = await client('GET', to.pathname + to.search, {
      headers: { ...json, Cookie: `${name}=${sealed}; ${name}=x` },
    });
    expect(await verdictOf(response)).toEqual([400, 'duplicate_cookie']);
  });

  it('is refused with a code that was used before', async () => {
    const { location, sealed } = await setOut(client);
    const to = provider.consent(location, newPerson());
    expect((await comeBack(client, to, sealed)).status).toBe(303);
    expect(await verdictOf(await comeBack(client, to, sealed, json))).toEqual([400, 'oauth_failed']);
  });

  it.each([
    ['names another issuer', 'https://evil.example'],
    ['names none, though the provider always does', null],
    // Proves ASVS 10.2.2; RFC 9207.
  ])('from an issuer that %s is refused (RFC 9207)', async (_, iss) => {
    const { person, response } = await answerOf((to, { sealed }) => {
      if (iss === null) to.searchParams.delete('iss');
      else to.searchParams.set('iss', iss);
      return sealed;
    });
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    expect(provider.asked.some(({ url }) => url.endsWith('/token'))).toBe(false);
    expect(await identitiesOf(person.sub)).toEqual([]);
  });
});

describe('the ID token of a provider', () => {
  const tampered = async (claims: Record<string, unknown>) => {
    const good = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: provider.key.kid })
      .sign(provider.key.privateKey);
    const [header, , signature] = good.split('.');
    const payload = new TextEncoder()
      .encode(JSON.stringify({ ...decodeJwt(good), email: 'victim@example.com' }))
      .toBase64({ alphabet: 'base64url', omitPadding: true });
    return `${header}.${payload}.${signature}`;
  };

  it.each<[string, Parameters<typeof provider.twist>[0]]>([
    ['with another nonce', { claims: (claims) => ({ ...claims, nonce: 'another' }) }],
    ['without a nonce', { claims: ({ nonce: _, ...claims }) => claims }],
    ['of another issuer', { claims: (claims) => ({ ...claims, iss: 'https://evil.example' }) }],
    ['for another client', { claims: (claims) => ({ ...claims, aud: 'another-client' }) }],
    ['that another client has asked for', { claims: (claims) => ({ ...claims, azp: 'another-client' }) }],
    ['of nobody', { claims: (claims) => ({ ...claims, sub: '' }) }],
    ['for several clients, without who asked', { claims: (claims) => ({ ...claims, aud: [clientId, 'b'] }) }],
    ['that has expired', { claims: (claims) => ({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 }) }],
    ['that does not expire', { claims: ({ exp: _, ...claims }) => claims }],
    ['without a subject', { claims: ({ sub: _, ...claims }) => claims }],
    ['signed with another key', { foreignKey: true }],
    ['that was changed', { idToken: tampered }],
    ['without a signature', { idToken: (claims) => new UnsecuredJWT(claims).encode() }],
    [
      'signed with the client secret',
      {
        idToken: (claims) =>
          new SignJWT(claims)
            .setProtectedHeader({ alg: 'HS256' })
            .sign(new TextEncoder().encode('x'.repeat(32))),
      },
    ],
    // Proves ASVS 6.8.2; ASVS 10.5.1; ASVS 10.5.4.
  ])('%s logs nobody in', async (_, twist) => {
    const person = newPerson();
    provider.twist(twist);
    const response = await signOn(client, provider, person);
    expect(await verdictOf(response)).toEqual([400, 'oauth_failed']);
    expect(attemptIn(response)?.value).toBe('');
    expect(cookiesOf(response).size).toBe(1);
    expect(await identitiesOf(person.sub)).toEqual([]);
  });

  it('without an address is completed by the UserInfo endpoint', async () => {
    const { email, ...person } = newPerson();
    provider.twist({
      profile: { sub: person.sub, email, email_verified: true },
      claims: ({ email_verified: _, ...claims }) => claims,
    });
    const response = await signOn(client, provider, person);
    const me = await (await client('GET', '/auth/me', { cookies: sessionOf(response) })).json<
      Tokens['user']
    >();
    expect(me).toMatchObject({ email, email_verified: true });
  });

  it('is not completed by the profile of another person', async () => {
    const { email, ...person } = newPerson();
    provider.twist({ profile: { sub: 'somebody else', email, email_verified: true } });
    expect(await verdictOf(await signOn(client, provider, person))).toEqual([400, 'oauth_failed']);
  });

  it('is verified with keys that were fetched at most five minutes ago', async () => {
    const own = createClient(withProvider);
    const reads = () => provider.asked.filter(({ url }) => url.endsWith('/jwks')).length;
    await signOn(own, provider, newPerson());
    await signOn(own, provider, newPerson());
    expect(reads()).toBe(1);
  });
});

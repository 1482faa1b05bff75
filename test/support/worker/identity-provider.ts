import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, inject, type MockInstance, vi } from 'vitest';
import { type Client, cookiesOf, newEmail } from './client.ts';

export const issuer = 'https://idp.example';
export const clientId = 'itsor-at-idp';
export const clientSecret = 'the-secret-of-itsor-at-idp';

/** A configuration with one provider, and with round trips that a test can count. */
export const withProvider = {
  OIDC_PROVIDERS: JSON.stringify([
    { id: 'acme', name: 'Acme', issuer, client_id: clientId, client_secret: clientSecret },
  ]),
  RATE_LIMIT_MAX: '100000',
};

export type Person = { sub: string; email?: string; email_verified?: unknown };
export const newPerson = (more: Partial<Person> = {}): Person => ({
  sub: crypto.randomUUID(),
  email: newEmail(),
  email_verified: true,
  ...more,
});

type Grant = { person: Person; query: URLSearchParams };
type Answer = (init: RequestInit | undefined) => Response | Promise<Response>;

const keyOf = async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { privateKey, kid, jwk: { ...jwk, kid, alg: 'RS256', use: 'sig' } };
};
const [key, foreignKey] = await Promise.all([keyOf(), keyOf()]);

/** Deviations of the provider, for one test. */
type Twist = {
  readonly claims?: (claims: JWTPayload) => JWTPayload;
  readonly idToken?: (claims: JWTPayload) => string | Promise<string>;
  readonly foreignKey?: boolean;
  readonly metadata?: Record<string, unknown>;
  readonly profile?: Record<string, unknown>;
  /** Handles a statement for our own database. */
  readonly database?: (run: () => Promise<Response>) => Promise<Response>;
  readonly answers?: Partial<Record<'discovery' | 'token' | 'jwks' | 'userinfo', Answer>>;
};

export const discovery = {
  issuer,
  authorization_endpoint: `${issuer}/authorize?tenant=1`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  userinfo_endpoint: `${issuer}/userinfo`,
  id_token_signing_alg_values_supported: ['RS256'],
  authorization_response_iss_parameter_supported: true,
};

/** The person of an access token. */
const subjectOf = (init: RequestInit | undefined): string =>
  (new Headers(init?.headers).get('Authorization') ?? '').replace('Bearer at-', '');

const s256 = async (verifier: string) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))).toBase64({
    alphabet: 'base64url',
    omitPadding: true,
  });

/** A provider of OpenID Connect in place of the network. A test can twist its behaviour. */
export const createProvider = () => {
  const grants = new Map<string, Grant>();
  const asked: { url: string; init: RequestInit | undefined }[] = [];
  let twist: Twist = {};
  let fetches: MockInstance<typeof fetch>;

  const sign = (claims: JWTPayload) => {
    const { privateKey } = twist.foreignKey ? foreignKey : key;
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid }).sign(privateKey);
  };

  const exchange = async (init: RequestInit | undefined): Promise<Response> => {
    const form = new URLSearchParams(String(init?.body));
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const { query, person } = grant ?? {};
    const isGood =
      form.get('redirect_uri') === query?.get('redirect_uri') &&
      (await s256(form.get('code_verifier') ?? '')) === query?.get('code_challenge');
    if (!query || !person || !isGood) return Response.json({ error: 'invalid_grant' }, { status: 400 });
    const now = Math.floor(Date.now() / 1000);
    const claims: JWTPayload = {
      iss: issuer,
      aud: clientId,
      iat: now,
      exp: now + 300,
      nonce: query.get('nonce') ?? '',
      ...person,
    };
    const twisted = twist.claims?.(claims) ?? claims;
    const idToken = await (twist.idToken?.(twisted) ?? sign(twisted));
    return Response.json({ access_token: `at-${person.sub}`, token_type: 'Bearer', id_token: idToken });
  };

  const answer = (url: string, init: RequestInit | undefined): Response | Promise<Response> => {
    switch (url) {
      case `${issuer}/.well-known/openid-configuration`:
        return twist.answers?.discovery?.(init) ?? Response.json({ ...discovery, ...twist.metadata });
      case `${issuer}/token`:
        return twist.answers?.token?.(init) ?? exchange(init);
      case `${issuer}/jwks`:
        return twist.answers?.jwks?.(init) ?? Response.json({ keys: [key.jwk] });
      case `${issuer}/userinfo`:
        return twist.answers?.userinfo?.(init) ?? Response.json(twist.profile ?? { sub: subjectOf(init) });
      default:
        return new Response(null, { status: 404 });
    }
  };

  beforeEach(() => {
    twist = {};
    asked.length = 0;
    const elsewhere = globalThis.fetch;
    fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) => {
      const url = String(target);
      if (url === inject('neonEndpoint') && twist.database)
        return twist.database(() => elsewhere(target, init));
      if (!url.startsWith(issuer)) return elsewhere(target, init);
      asked.push({ url, init });
      return answer(url, init);
    });
  });
  afterEach(() => fetches.mockRestore());

  return {
    asked,
    key,
    twist: (next: Twist) => {
      twist = next;
    },
    /** The address to which the provider sends the browser after the person's consent. */
    consent: (location: string, person: Person): URL => {
      const { searchParams: query } = new URL(location);
      const code = crypto.randomUUID();
      grants.set(code, { person, query });
      const back = new URL(query.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', query.get('state') ?? '');
      back.searchParams.set('iss', issuer);
      return back;
    },
  };
};

export type Provider = ReturnType<typeof createProvider>;

const attemptPrefix = 'itsor_session_oauth';

/** The name of the cookie of the attempt whose state an address has, at the provider or on the way back. */
export const attemptCookieOf = async (address: string | URL): Promise<string> => {
  const state = new URL(address).searchParams.get('state') ?? '';
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(state)));
  return `${attemptPrefix}_${digest.toHex().slice(0, 16)}`;
};

/** The cookie of an attempt that a response sets last: its name, value and attributes. */
export const attemptIn = (response: Response) => {
  const found = [...cookiesOf(response)].findLast(([name]) => name.startsWith(attemptPrefix));
  return found && { name: found[0], ...found[1] };
};

/** Starts a login at the provider. @returns the provider's address, and the cookie of the browser */
export const setOut = async (client: Client, query = '', provider = 'acme') => {
  const response = await client('GET', `/auth/oauth/${provider}${query}`);
  const location = response.headers.get('Location') ?? '';
  return { response, location, sealed: attemptIn(response)?.value ?? '' };
};

/** Calls the callback. */
export const comeBack = async (
  client: Client,
  to: URL,
  sealed: string,
  headers: Record<string, string> = {},
) => client('GET', to.pathname + to.search, { cookies: { [await attemptCookieOf(to)]: sealed }, headers });

/** A whole login as a person of the provider. */
export const signOn = async (client: Client, provider: Provider, person: Person, query = '') => {
  const { location, sealed } = await setOut(client, query);
  return comeBack(client, provider.consent(location, person), sealed, json);
};

/** Asks for JSON, whose problems have a code. */
export const json = { Accept: 'application/json' };

/** The status, and the code of a problem. */
export const verdictOf = async (response: Response): Promise<[number, string?]> =>
  response.ok || response.status === 303
    ? [response.status]
    : [response.status, (await response.json<{ code: string }>()).code];

export const sessionOf = (response: Response): Record<string, string> => ({
  itsor_session: cookiesOf(response).get('itsor_session')?.value ?? '',
});

import {
  authorizationCodeGrantRequest,
  ClientSecretPost,
  customFetch,
  validateAuthResponse,
} from 'oauth4webapi';
import * as z from 'zod';
import type { Secret } from '../../platform/config/secret.ts';
import { ClaimedEmail } from '../../platform/schema/text.ts';
import { githubIssuer, type Identified, type IdentityProvider } from '../rules.ts';
import { endedBy, failureOf, refusedCode, unavailable } from './failure.ts';
import { authorizationUrlOf, type ProviderFetch } from './requests.ts';

const apiUrl = 'https://api.github.com';

/** GitHub has sent this issuer in `iss` (RFC 9207) since April 2026; an answer without `iss` is valid too. */
const server = {
  issuer: 'https://github.com/login/oauth',
  token_endpoint: 'https://github.com/login/oauth/access_token',
};
const authorizationEndpoint = new URL('https://github.com/login/oauth/authorize');
const scopes = ['read:user', 'user:email'];

/** GitHub also answers 200 to an invalid code. */
const TokenAnswer = z.union([z.object({ access_token: z.string().min(1) }), z.object({ error: z.string() })]);
const User = z.object({ id: z.int().positive() });
const Addresses = z.array(z.object({ email: z.string(), primary: z.boolean(), verified: z.boolean() }));

type Options = {
  readonly app: { readonly clientId: string; readonly clientSecret: Secret };
  readonly redirectUri: string;
  readonly fetch: ProviderFetch;
  readonly timeoutMs: number;
};

/**
 * GitHub, by OAuth 2 with PKCE, because it has no OpenID Connect. The numeric id is the subject: a login can be renamed.
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
 */
export const createGithubProvider = ({ app, redirectUri, fetch, timeoutMs }: Options): IdentityProvider => {
  const id = 'github';
  const { clientId, clientSecret } = app;
  const client = { client_id: clientId };

  const ask = async <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    accessToken: string,
    signal: AbortSignal,
  ): Promise<z.output<Schema> | null> => {
    const headers = {
      Accept: 'application/vnd.github+json',
      Authorization: `Bearer ${accessToken}`,
      'User-Agent': 'itsor',
      'X-GitHub-Api-Version': '2022-11-28',
    };
    const response = await fetch(apiUrl + path, { method: 'GET', headers, signal });
    // The person has not allowed this.
    if (response.status === 403 || response.status === 404) return null;
    if (response.status !== 200) throw unavailable(id, `answered ${response.status}`);
    return schema.parse(await response.json());
  };

  const exchange = async (answer: URLSearchParams, state: string, verifier: string, signal: AbortSignal) => {
    const callback = validateAuthResponse(server, client, answer, state);
    const response = await authorizationCodeGrantRequest(
      server,
      client,
      ClientSecretPost(clientSecret.reveal()),
      callback,
      redirectUri,
      verifier,
      { [customFetch]: fetch, signal },
    );
    if (response.status !== 200) throw unavailable(id, `answered ${response.status}`);
    return TokenAnswer.parse(await response.json());
  };

  const ownerOf = async (accessToken: string, signal: AbortSignal): Promise<Identified> => {
    const [user, addresses] = await Promise.all([
      ask('/user', User, accessToken, signal),
      ask('/user/emails', Addresses, accessToken, signal),
    ]);
    if (!user) throw unavailable(id, 'no user');
    const primary = addresses?.find((address) => address.primary);
    const email = ClaimedEmail.safeParse(primary?.email).data ?? null;
    return {
      kind: 'identified',
      identity: {
        issuer: githubIssuer,
        subject: String(user.id),
        email,
        emailVerified: email !== null && primary?.verified === true,
      },
    };
  };

  return {
    id,
    name: 'GitHub',
    issuer: githubIssuer,

    authorizationUrl: (_, attempt) =>
      authorizationUrlOf(authorizationEndpoint, { clientId, redirectUri, scopes }, attempt),

    identify: ({ signal: request }, answer, { state, codeVerifier }) => {
      const signal = AbortSignal.any([request, AbortSignal.timeout(timeoutMs)]);
      const identify = async (): Promise<Identified> => {
        const token = await exchange(answer, state, codeVerifier, signal);
        return 'error' in token ? refusedCode(id, token.error) : ownerOf(token.access_token, signal);
      };
      return endedBy(
        request,
        identify().catch((error: unknown) => failureOf(id, error)),
      );
    },
  };
};

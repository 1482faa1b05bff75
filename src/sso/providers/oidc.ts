import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  type Client,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  discoveryRequest,
  getValidatedIdTokenClaims,
  JSON_ATTRIBUTE_COMPARISON,
  type JWKSCacheInput,
  jwksCache,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  processUserInfoResponse,
  userInfoRequest,
  validateApplicationLevelSignature,
  validateAuthResponse,
} from 'oauth4webapi';
import * as z from 'zod';
import type { OidcProviderConfig } from '../../platform/config/oidc-providers.ts';
import { ClaimedEmail } from '../../platform/schema/text.ts';
import type { IdentityProvider, ProvidedIdentity } from '../rules.ts';
import { BadClaim, endedBy, failureOf, unavailable } from './failure.ts';
import { authorizationUrlOf, type ProviderFetch } from './requests.ts';

type Options = {
  readonly provider: OidcProviderConfig;
  readonly redirectUri: string;
  readonly fetch: ProviderFetch;
  /** The limit of all calls of one request together. */
  readonly timeoutMs: number;
};

/** How long a discovery document is cached; the library itself fetches unknown keys. */
const discoveryTtlMs = 3_600_000;

/** OpenID Connect Core 1.0 section 2: at most 255 ASCII characters. */
const Subject = z.string().regex(/^[\x20-\x7e]{1,255}$/);

/** An invalid address counts as none. Only the boolean `true` vouches for the address, not a text. */
const Address = z.object({
  email: ClaimedEmail.nullable().catch(null),
  email_verified: z.unknown().optional(),
});

/** The log does not quote the provider. The doctor does. */
const anotherIssuer =
  'its discovery document names another issuer than OIDC_PROVIDERS; npm run doctor shows both';

const isOfAnotherIssuer = (error: unknown): boolean =>
  error instanceof OperationProcessingError && error.code === JSON_ATTRIBUTE_COMPARISON;

/** Basic with the credentials as they are, for providers that do not percent-decode them. */
const basicRaw =
  (secret: string): ClientAuth =>
  (_, { client_id: user }, __, headers) => {
    const credentials = new TextEncoder().encode(`${user}:${secret}`).toBase64();
    headers.set('Authorization', `Basic ${credentials}`);
  };

const authenticationOf = (
  { authMethod, clientSecret }: OidcProviderConfig,
  { token_endpoint_auth_methods_supported: supported }: AuthorizationServer,
): ClientAuth => {
  const secret = clientSecret.reveal();
  const takesBasic = !supported || supported.includes('client_secret_basic');
  switch (authMethod ?? (takesBasic ? 'client_secret_basic' : 'client_secret_post')) {
    case 'client_secret_basic':
      return ClientSecretBasic(secret);
    case 'client_secret_post':
      return ClientSecretPost(secret);
    case 'client_secret_basic_raw':
      return basicRaw(secret);
  }
};

/** A provider of OpenID Connect with a discovery document. */
export const createOidcProvider = ({
  provider,
  redirectUri,
  fetch,
  timeoutMs,
}: Options): IdentityProvider => {
  const { id, name, issuer, clientId, scopes } = provider;
  const client: Client = { client_id: clientId };
  // Cached as plain values: a promise belongs to the request that created it.
  let discovered: { readonly metadata: AuthorizationServer; readonly at: number } | undefined;
  let keys: JWKSCacheInput = {};

  const requestOptions = (signal: AbortSignal) => ({
    [customFetch]: fetch,
    // The configuration refuses a plain issuer when it is strict.
    [allowInsecureRequests]: /^http:/i.test(issuer),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  type RequestOptions = ReturnType<typeof requestOptions>;

  const askForMetadata = async (options: RequestOptions): Promise<AuthorizationServer> => {
    const url = new URL(issuer);
    const metadata = await discoveryRequest(url, options)
      .then((response) => processDiscoveryResponse(url, response))
      .catch((error: unknown) => {
        throw unavailable(id, isOfAnotherIssuer(error) ? anotherIssuer : 'no discovery document');
      });
    // The library ignores a slash at the end, but the issuer of ID tokens is compared exactly.
    if (metadata.issuer !== issuer) throw unavailable(id, anotherIssuer);
    return metadata;
  };

  /** A copy for each call, because the library caches promises of keys by the object. */
  const metadataAt = async (now: Date, options: RequestOptions): Promise<AuthorizationServer> => {
    if (!discovered || now.getTime() - discovered.at >= discoveryTtlMs)
      discovered = { metadata: await askForMetadata(options), at: now.getTime() };
    return { ...discovered.metadata };
  };

  const checkSignature = async (
    metadata: AuthorizationServer,
    response: Response,
    options: RequestOptions,
  ): Promise<void> => {
    const cache: JWKSCacheInput = structuredClone(keys);
    await validateApplicationLevelSignature(metadata, response, { ...options, [jwksCache]: cache });
    keys = structuredClone(cache);
  };

  const askForProfile = async (
    metadata: AuthorizationServer,
    accessToken: string,
    subject: string,
    options: RequestOptions,
  ) => {
    const response = await userInfoRequest(metadata, client, accessToken, options);
    return processUserInfoResponse(metadata, client, subject, response);
  };

  return {
    id,
    name,
    issuer,

    authorizationUrl: async ({ now, signal }, attempt) => {
      const metadata = await endedBy(signal, metadataAt(now, requestOptions(signal)));
      const endpoint = URL.parse(metadata.authorization_endpoint ?? '');
      const isWeb = endpoint?.protocol === 'https:' || endpoint?.protocol === new URL(issuer).protocol;
      if (!endpoint || !isWeb) throw unavailable(id, 'no authorization endpoint');
      return authorizationUrlOf(endpoint, { clientId, redirectUri, scopes }, attempt, {
        nonce: attempt.nonce,
      });
    },

    identify: async ({ now, signal }, answer, attempt) => {
      const options = requestOptions(signal);
      const identify = async (): Promise<ProvidedIdentity> => {
        const metadata = await metadataAt(now, options);
        const callback = validateAuthResponse(metadata, client, answer, attempt.state);
        const response = await authorizationCodeGrantRequest(
          metadata,
          client,
          authenticationOf(provider, metadata),
          callback,
          redirectUri,
          attempt.codeVerifier,
          options,
        );
        const tokens = await processAuthorizationCodeResponse(metadata, client, response, {
          expectedNonce: attempt.nonce,
          requireIdToken: true,
        });
        await checkSignature(metadata, response, options);
        const claims = getValidatedIdTokenClaims(tokens);
        const subject = Subject.safeParse(claims?.sub).data;
        if (subject === undefined) throw new BadClaim('bad_subject');
        // OpenID Connect Core 1.0 section 3.1.3.7: the library checks it only where there are several audiences.
        if (claims?.azp !== undefined && claims.azp !== clientId) throw new BadClaim('bad_azp');
        const profile =
          claims?.email === undefined && metadata.userinfo_endpoint
            ? await askForProfile(metadata, tokens.access_token, subject, options)
            : claims;
        const { email, email_verified: claimed } = Address.parse(profile);
        return { issuer, subject, email, emailVerified: email !== null && claimed === true };
      };
      const identified = identify()
        .then((identity) => ({ kind: 'identified', identity }) as const)
        .catch((error: unknown) => failureOf(id, error));
      return endedBy(signal, identified);
    },
  };
};

import { allowInsecureRequests, customFetch, discoveryRequest } from 'oauth4webapi';
import * as z from 'zod';
import type { OidcProviderConfig } from '../../src/platform/config/oidc-providers.ts';
import { createProviderFetch } from '../../src/sso/providers/requests.ts';
import { causeOf } from '../program/reason.ts';
import { type Finding, failure, ok, warning } from './report.ts';

const timeoutMs = 10_000;
const Texts = z.array(z.string()).nullish();

/** What the Worker needs of a discovery document (OpenID Connect Discovery 1.0 section 3). */
const Discovery = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  jwks_uri: z.string(),
  response_types_supported: Texts,
  response_modes_supported: Texts,
  scopes_supported: Texts,
  token_endpoint_auth_methods_supported: Texts,
  code_challenge_methods_supported: Texts,
});
type Discovery = z.output<typeof Discovery>;

/** Asks every provider of OIDC_PROVIDERS for its discovery document, and says what will not work. It logs nobody in. */
export const inspectProviders = (
  providers: readonly OidcProviderConfig[],
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<Finding[]> =>
  Promise.all(
    providers.map(async (provider): Promise<Finding> => {
      const check = `sso ${provider.id}`;
      const answer = await askForDocument(provider, createProviderFetch(fetch));
      // A provider that is away for a moment must not stop a deployment.
      if (typeof answer === 'string') return warning(check, answer);
      const parsed = Discovery.safeParse(answer.document);
      const flaws = parsed.success
        ? flawsOf(provider, parsed.data)
        : [
            ...new Set(
              parsed.error.issues.map(({ path }) => `its discovery document has no valid ${path.join('.')}`),
            ),
          ];
      if (flaws.length > 0) return failure(check, flaws.join('; '));
      const doubts = parsed.success ? doubtsOf(provider, parsed.data) : [];
      return doubts.length > 0
        ? warning(check, doubts.join('; '))
        : ok(check, `${provider.issuer} answers discovery as configured`);
    }),
  );

/** The document, or a sentence about why there is none. */
const askForDocument = async (
  { issuer }: OidcProviderConfig,
  fetch: ReturnType<typeof createProviderFetch>,
): Promise<string | { readonly document: unknown }> => {
  try {
    const response = await discoveryRequest(new URL(issuer), {
      [customFetch]: fetch,
      [allowInsecureRequests]: /^http:/i.test(issuer),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) return `the discovery document of ${issuer} is answered ${response.status}`;
    return { document: await response.json() };
  } catch (error) {
    return `${issuer} has no discovery document: ${causeOf(error as Error).message}`;
  }
};

const isSameButForSlash = (one: string, other: string): boolean =>
  one.replace(/\/$/, '') === other.replace(/\/$/, '');

const issuerFlaw = (configured: string, named: string): string | false => {
  if (named === configured) return false;
  if (/[{}]/.test(named))
    return `${configured} is for every tenant, and its tokens name another issuer (${named}): use the issuer of one tenant`;
  return isSameButForSlash(named, configured)
    ? `write its issuer as ${named}, with the same end`
    : `it names itself ${named}, not ${configured}`;
};

const isUsable = (endpoint: string, issuer: string): boolean => {
  const protocol = URL.parse(endpoint)?.protocol;
  return protocol === 'https:' || (protocol === 'http:' && /^http:/i.test(issuer));
};

/** Whether a list, which a document may leave out, names a word. */
const takes = (supported: readonly string[] | null | undefined, word: string): boolean =>
  !supported || supported.includes(word);

/** What makes every login fail. */
const flawsOf = ({ issuer, authMethod }: OidcProviderConfig, document: Discovery): string[] => {
  const methods = document.token_endpoint_auth_methods_supported;
  const wanted = authMethod === null ? ['client_secret_basic', 'client_secret_post'] : [methodOf(authMethod)];
  const endpoints = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
  return [
    issuerFlaw(issuer, document.issuer),
    ...endpoints.map((name) => !isUsable(document[name], issuer) && `its ${name} is no https URL`),
    !takes(document.response_types_supported, 'code') && 'it has no response type code',
    !takes(document.response_modes_supported, 'query') &&
      'it answers in no query, and Itsor takes no form_post',
    !wanted.some((method) => takes(methods, method)) &&
      `it takes ${methods?.join(', ') || 'no client authentication'}, and Itsor would send ${wanted.join(' or ')}`,
    URL.parse(issuer)?.hostname === 'appleid.apple.com' &&
      'Sign in with Apple needs form_post and a JWT as secret, which Itsor does not have',
  ].filter((flaw) => flaw !== false);
};

/** The name in the document; how Basic is encoded is no part of it. */
const methodOf = (method: NonNullable<OidcProviderConfig['authMethod']>): string =>
  method === 'client_secret_basic_raw' ? 'client_secret_basic' : method;

/** What may make logins fail: documents are often incomplete here. */
const doubtsOf = ({ scopes }: OidcProviderConfig, document: Discovery): string[] => {
  const unknown = scopes.filter((scope) => !takes(document.scopes_supported, scope));
  return [
    unknown.length > 0 && `its discovery document does not name the scopes ${unknown.join(', ')}`,
    !scopes.includes('email') && 'without the scope email no account can be created',
    !takes(document.code_challenge_methods_supported, 'S256') && 'it does not name PKCE by S256',
  ].filter((doubt) => doubt !== false);
};

import { calculatePKCECodeChallenge } from 'oauth4webapi';
import type { Attempt } from '../rules/identity.ts';

type Request = {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
};

/** The authorization request (RFC 6749 section 4.1.1) with PKCE by S256; parameters that the endpoint has of its own stay. */
export const authorizationUrlOf = async (
  endpoint: URL,
  { clientId, redirectUri, scopes }: Request,
  { state, codeVerifier }: Pick<Attempt, 'state' | 'codeVerifier'>,
  more: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const url = new URL(endpoint);
  const parameters = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: scopes.join(' '),
    state,
    code_challenge: await calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
};

import { calculatePKCECodeChallenge } from 'oauth4webapi';
import { concatenate } from '../../platform/rules/bytes.ts';
import type { Attempt } from '../rules.ts';

/** Far above the size of any discovery document, key set or profile. */
const maxBytes = 256 * 1024;

const withoutBody: ReadonlySet<number> = new Set([101, 204, 205, 304]);

const readAll = async (response: Response): Promise<Uint8Array<ArrayBuffer>> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels the rest of the body.
    if (length > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return concatenate(chunks);
};

type Init = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: BodyInit | null | undefined;
  readonly signal?: AbortSignal | null | undefined;
};

/** A `fetch` that reads a whole answer of limited size. It follows no redirects. */
export const createProviderFetch =
  (fetch: typeof globalThis.fetch) =>
  async (url: string, { method, headers: sent, body: content = null, signal = null }: Init) => {
    const init = { method, headers: sent, body: content, signal, redirect: 'manual' } as const;
    const response = await fetch(url, init);
    const { status, headers } = response;
    const body = await readAll(response);
    return new Response(withoutBody.has(status) ? null : body, { status, headers });
  };

export type ProviderFetch = ReturnType<typeof createProviderFetch>;

type AuthorizationRequest = {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
};

/** The authorization request (RFC 6749 section 4.1.1) with PKCE by S256. The endpoint's own parameters stay. */
export const authorizationUrlOf = async (
  endpoint: URL,
  { clientId, redirectUri, scopes }: AuthorizationRequest,
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

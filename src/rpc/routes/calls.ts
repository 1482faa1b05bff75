import { userResponse } from '../../accounts/schema/users.ts';
import type { Foundation } from '../../container.ts';
import type { Introspection, VerifyOptions } from '../../introspection/service.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppError } from '../../platform/errors.ts';
import type { CredentialConfig } from '../../platform/http/identify.ts';
import { type Problem, toAppError } from '../../platform/http/problem.ts';
import type { LogoutScope } from '../../sessions/rules/session.ts';
import { offlineAccess } from '../../sessions/rules/session.ts';
import type { TokenResponse } from '../../sessions/schema.ts';
import type { Client, LoggedIn, Login, Refused, SignedUp, SignUp, Verified } from '../schema.ts';

type Invocation = Pick<ExecutionContext, 'waitUntil'>;

type Parts = {
  readonly foundation: Pick<Foundation, 'clock' | 'log' | 'newRequestId'>;
  readonly timeoutMs: number;
  /** The app that answers the HTTP API. */
  readonly fetch: (request: Request, execution: Invocation) => Response | Promise<Response>;
  readonly introspection: Introspection;
  /** Where the app reads an access token. */
  readonly credential: CredentialConfig;
};

/** The app looks at the path only, and a lenient one answers at names of this machine alone. */
const origin = 'http://localhost';

const refusedBy = (response: Response, { status, code, detail, errors }: Problem): Refused => {
  const retryAfter = Number(response.headers.get('Retry-After'));
  return {
    ok: false,
    status,
    code,
    detail,
    ...(errors && { errors }),
    ...(retryAfter > 0 && { retryAfterSeconds: retryAfter }),
  };
};

const refusedFor = ({ status, code, detail, retryAfterSeconds }: AppError): Refused => ({
  ok: false,
  status,
  code,
  detail,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) }),
});

/** Types end where another Worker calls: an argument that is missing is validated as an empty one. */
const membersOf = <T extends object>(given: T): Partial<T> =>
  typeof given === 'object' && given !== null ? given : {};

/** Text that a header can carry. With other text, `Headers` would throw. */
const isHeaderText = (value: unknown): value is string =>
  typeof value === 'string' && /^[ -~\u00a0-\u00ff]*$/.test(value);

/** A compact JWS (RFC 7515 section 7.1). Other text could end the cookie and begin another one. */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\w.-]+$/.test(value);

const noClient: Refused = {
  ok: false,
  status: 422,
  code: 'validation_failed',
  detail: 'Name the person on whose behalf you call: { address, userAgent }.',
};

export type Rpc = ReturnType<typeof createRpc>;

/**
 * What other Workers of the same Cloudflare account call through a service binding. `verify` asks the session gate; the
 * others are the routes of the HTTP API, with its validation, limits and errors, for the client that the caller names.
 */
export const createRpc = ({ foundation, timeoutMs, fetch, introspection, credential }: Parts) => {
  const { clock, log, newRequestId } = foundation;

  const contextOf = ({ waitUntil }: { waitUntil: (work: Promise<unknown>) => void }): RequestContext => {
    const requestId = newRequestId();
    return {
      requestId,
      get now() {
        return clock();
      },
      ip: null,
      network: 'unknown',
      networks: ['unknown'],
      userAgent: null,
      actor: null,
      requiredPermission: null,
      signal: AbortSignal.timeout(timeoutMs),
      keepAlive: () => {},
      log,
      defer: (name, work) =>
        waitUntil(
          work.catch((error: unknown) => log.error(`deferred: ${name}`, { request_id: requestId, error })),
        ),
    };
  };

  type Call = { readonly json: object; readonly bearer?: string };

  /** Puts an access token where the app reads it. */
  const setCredential = (headers: Headers, token: string): void => {
    const { locations, headerName, headerType, cookieName } = credential;
    const text = isToken(token) ? token : '';
    if (locations.header) headers.set(headerName, `${headerType} ${text}`);
    else headers.set('Cookie', `${cookieName}=${text}`);
  };

  const post = async (
    invocation: Invocation,
    client: Client,
    path: `/${string}`,
    { json, bearer }: Call,
  ): Promise<{ response: Response; refused: null } | { response: null; refused: Refused }> => {
    if (typeof client !== 'object' || client === null) return { response: null, refused: noClient };
    const headers = new Headers({ 'Content-Type': 'application/json' });
    if (isHeaderText(client.address)) headers.set('CF-Connecting-IP', client.address);
    if (isHeaderText(client.userAgent)) headers.set('User-Agent', client.userAgent);
    if (bearer !== undefined) setCredential(headers, bearer);
    const request = new Request(origin + path, { method: 'POST', headers, body: JSON.stringify(json) });
    const response = await fetch(request, invocation);
    if (response.ok) return { response, refused: null };
    return { response: null, refused: refusedBy(response, await response.json<Problem>()) };
  };

  return {
    verify: async (
      invocation: Invocation,
      token: string,
      options: VerifyOptions = {},
    ): Promise<Verified | Refused> => {
      const waitUntil = (work: Promise<unknown>) => invocation.waitUntil(work);
      try {
        const { account, claims, permissions } = await introspection.verify(
          contextOf({ waitUntil }),
          String(token),
          membersOf(options),
        );
        return { ok: true, user: userResponse(account), session: { id: claims.sessionId }, permissions };
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.status >= 500) log.error('a token could not be verified', { error: thrown });
        return refusedFor(error);
      }
    },

    login: async (invocation: Invocation, login: Login, client: Client): Promise<LoggedIn | Refused> => {
      const { identifier, password, turnstileToken } = membersOf(login);
      const json = { identifier, password, turnstile_token: turnstileToken, scope: offlineAccess };
      const { response, refused } = await post(invocation, client, '/auth/token', { json });
      return refused ?? { ok: true, tokens: await response.json<TokenResponse>() };
    },

    signup: async (invocation: Invocation, signUp: SignUp, client: Client): Promise<SignedUp | Refused> => {
      const { email, password, username, turnstileToken } = membersOf(signUp);
      const json = { email, password, username, turnstile_token: turnstileToken, scope: offlineAccess };
      const { response, refused } = await post(invocation, client, '/auth/signup', { json });
      if (refused) return refused;
      return response.status === 202
        ? { ok: true, accepted: await response.json() }
        : { ok: true, tokens: await response.json<TokenResponse>() };
    },

    refresh: async (
      invocation: Invocation,
      refreshToken: string,
      client: Client,
    ): Promise<LoggedIn | Refused> => {
      const json = { refresh_token: refreshToken };
      const { response, refused } = await post(invocation, client, '/auth/refresh', { json });
      return refused ?? { ok: true, tokens: await response.json<TokenResponse>() };
    },

    logout: async (
      invocation: Invocation,
      accessToken: string,
      client: Client,
      scope: LogoutScope = 'local',
    ): Promise<{ ok: true } | Refused> => {
      const { refused } = await post(invocation, client, '/auth/logout', {
        json: { scope },
        bearer: accessToken,
      });
      return refused ?? { ok: true };
    },
  };
};

import type { Context, MiddlewareHandler } from 'hono';
import type { Auth, Outcome } from './auth.ts';
import { readCredential } from './credential.ts';
import { createOfflineVerifier, type OfflineOptions } from './offline.ts';
import { createOnlineVerifier, type OnlineOptions } from './online.ts';
import { answerRefusal } from './problem.ts';

export type ItsorAuthOptions = (OnlineOptions | OfflineOptions) & {
  /**
   * The name of a cookie that may carry the access token. Browsers send cookies by themselves, so unsafe requests of
   * other origins are refused (`csrf_rejected`).
   */
  readonly cookie?: string;
};

/** Hidden from the app: why `auth` is null. */
const outcomeOf = new WeakMap<Context, Outcome | 'anonymous'>();

const verifierOf = (options: ItsorAuthOptions) =>
  'binding' in options ? createOnlineVerifier(options) : createOfflineVerifier(options);

/**
 * Reads and verifies the access token of each request, and sets `auth`. It refuses nothing: a public page also opens
 * with a token that has expired. `requireUser()` and `requirePermission()` refuse.
 * @throws TypeError if the options would accept tokens of anybody, or for anybody
 */
export const itsorAuth = (
  options: ItsorAuthOptions,
): MiddlewareHandler<{ Variables: { auth: Auth | null } }> => {
  const verify = verifierOf(options);

  const identify = async (c: Context): Promise<Outcome | 'anonymous'> => {
    const credential = readCredential(c, options.cookie);
    switch (credential.kind) {
      case 'none':
        return 'anonymous';
      case 'refused':
        return credential.outcome;
      case 'token':
        return verify(c, credential.token);
    }
  };

  return async function itsorAuth(c, next) {
    const outcome = await identify(c);
    outcomeOf.set(c, outcome);
    c.set('auth', outcome !== 'anonymous' && outcome.ok ? outcome.auth : null);
    await next();
  };
};

/** The person of a request, or the answer that refuses it. */
const authOrRefusal = (c: Context): { auth: Auth } | { response: Response } => {
  const outcome = outcomeOf.get(c);
  if (outcome === undefined) {
    throw new Error(
      'requireUser and requirePermission need itsorAuth before them: app.use(itsorAuth({ binding: "AUTH" }))',
    );
  }
  if (outcome === 'anonymous') {
    const detail = 'Send a valid access token.';
    return { response: answerRefusal(c, { status: 401, code: 'unauthenticated', detail }) };
  }
  return outcome.ok ? { auth: outcome.auth } : { response: answerRefusal(c, outcome.refusal) };
};

/** Refuses a request without a good token. After it, `c.get('auth')` is not null. */
export const requireUser = (): MiddlewareHandler<{ Variables: { auth: Auth } }> =>
  async function requireUser(c, next) {
    const found = authOrRefusal(c);
    if ('response' in found) return found.response;
    await next();
    return undefined;
  };

const notOffline = (permission: string): string =>
  `requirePermission('${permission}') works with itsorAuth({ binding }) only: tokens carry roles and no permissions, which Itsor can change while a token lives.`;

/**
 * Refuses a request whose account may not do that now. It needs the binding: a token does not name permissions.
 * @throws Error in offline mode, so that the app answers 500 and nobody gets through
 */
export const requirePermission = (permission: string): MiddlewareHandler<{ Variables: { auth: Auth } }> =>
  async function requirePermission(c, next) {
    const found = authOrRefusal(c);
    if ('response' in found) return found.response;
    const { auth } = found;
    if (auth.mode === 'offline') throw new Error(notOffline(permission));
    if (auth.permissions.includes(permission)) {
      await next();
      return undefined;
    }
    if (auth.user.must_change_password) {
      const detail = 'Change your password first.';
      return answerRefusal(c, { status: 403, code: 'password_change_required', detail });
    }
    return answerRefusal(c, {
      status: 403,
      code: 'forbidden',
      detail: 'Your account lacks the permission for this.',
      challenge: 'insufficient_scope',
    });
  };

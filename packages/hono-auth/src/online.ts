import type { Context } from 'hono';
import { type Outcome, type Refusal, refused, unavailable } from './auth.ts';
import type { AuthService, Refused, Verified } from './service.ts';

export type OnlineOptions = {
  /** The name of the service binding in wrangler.toml, or the binding itself. */
  readonly binding: string | Pick<AuthService, 'verify'>;
  /** Whom a token must be meant for; absent: `JWT_AUDIENCE` of Itsor. */
  readonly audience?: string;
  /** How long to wait for Itsor. */
  readonly timeoutMs?: number;
};

const retrySeconds = 5;

const bindingOf = (c: Context, binding: OnlineOptions['binding']): Pick<AuthService, 'verify'> => {
  const found = typeof binding === 'string' ? c.env?.[binding] : binding;
  if (found) return found;
  const name = String(binding);
  throw new Error(
    `itsorAuth: this Worker has no binding ${name}. Add [[services]] with binding = "${name}", service = "itsor" and entrypoint = "AuthService" to its wrangler.toml.`,
  );
};

/** Rejects when the answer takes too long. A call by RPC has no time limit of its own. */
const withTimeout = async <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
};

const rejectedToken = new Set(['unauthenticated', 'token_expired', 'session_revoked']);

const statusOf = (status: number): Refusal['status'] =>
  status === 400 || status === 401 || status === 403 || status === 429 ? status : 503;

const refusalOf = ({ status: given, code, detail, retryAfterSeconds }: Refused): Outcome => {
  const status = statusOf(given);
  const wait = retryAfterSeconds ?? (status === 503 ? retrySeconds : undefined);
  return refused({
    status,
    code,
    detail,
    ...(rejectedToken.has(code) && { challenge: 'invalid_token' }),
    ...(wait !== undefined && { retryAfterSeconds: wait }),
  });
};

const outcomeOf = (answer: Verified | Refused): Outcome => {
  if (!answer.ok) return refusalOf(answer);
  const { user, session, permissions } = answer;
  return {
    ok: true,
    auth: { mode: 'online', userId: user.id, sessionId: session.id, roles: user.roles, user, permissions },
  };
};

/** Asks Itsor about every token, so that a logout counts on the next request. */
export const createOnlineVerifier =
  ({ binding, audience, timeoutMs = 10_000 }: OnlineOptions) =>
  async (c: Context, token: string): Promise<Outcome> => {
    const service = bindingOf(c, binding);
    try {
      const asked = service.verify(token, audience === undefined ? {} : { audience });
      return outcomeOf(await withTimeout(asked, timeoutMs));
    } catch (error) {
      console.error('itsorAuth: Itsor could not be asked', error);
      return unavailable('The account service cannot be reached; try again later.', retrySeconds);
    }
  };

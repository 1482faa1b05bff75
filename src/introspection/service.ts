import type { Account } from '../accounts/rules/account.ts';
import type { Accounts } from '../accounts/service.ts';
import type { Container } from '../container.ts';
import type { IntrospectionClient } from '../platform/config/introspection-clients.ts';
import { type RequestContext, withFacts } from '../platform/context.ts';
import { AppError, type ErrorCode, findAppError } from '../platform/errors.ts';
import type { AccessClaims, TokenFacts } from '../platform/rules/access-token.ts';
import { createClientCheck } from './clients.ts';
import { type ClientCredentials, permissionsInForce } from './rules.ts';

/** What an access token stands for right now. */
export type Verified = {
  readonly claims: AccessClaims;
  readonly token: TokenFacts;
  readonly account: Account;
  /** What the account may do now: nothing while it has to choose another password. */
  readonly permissions: readonly string[];
};

/** What a service is told of a token. */
export type Introspected = Verified & { readonly audience: string; readonly issuer: string };

/** The reasons for which a token is not active; every other failure says nothing about the token. */
const inactive: ReadonlySet<ErrorCode | undefined> = new Set([
  'unauthenticated',
  'token_expired',
  'session_revoked',
  'account_disabled',
  'email_not_verified',
]);

export type VerifyOptions = {
  /** Whom the token must be meant for; `JWT_AUDIENCE` where it is absent. */
  readonly audience?: string | undefined;
  /** What the account must be allowed to do. */
  readonly permission?: string | undefined;
};

export type Introspection = ReturnType<typeof createIntrospection>;

export const createIntrospection = (
  {
    accessTokens,
    sessionGate,
    verifiedOnly,
    config,
  }: Pick<Container, 'accessTokens' | 'sessionGate' | 'verifiedOnly' | 'config'>,
  { me }: Pick<Accounts, 'me'>,
) => {
  const clients = config.services.introspectionClients;
  const clientOf = createClientCheck(clients);

  /**
   * Whether a token is good, its session lives, and its account may do something. It costs one call of the session gate,
   * and a round trip to the database only if the gate does not know the session. It does not count against the person's
   * rate limit, because another service asks.
   * @throws AppError `unauthenticated`, `token_expired`, `session_revoked`, `account_disabled`, `email_not_verified`,
   * `password_change_required`, `forbidden`; `service_unavailable` and `timeout` where the question has no answer
   */
  const verify = async (
    ctx: RequestContext,
    token: string,
    { audience, permission }: VerifyOptions = {},
  ): Promise<Verified> => {
    const verdict = await accessTokens.verify(token, ctx.now, audience);
    if (verdict.kind === 'expired') throw new AppError('token_expired');
    if (verdict.kind === 'invalid') {
      throw new AppError('unauthenticated', {
        detail: 'The access token is not valid.',
        tokenRejected: true,
      });
    }
    const { claims, token: facts, goodUntil } = verdict;
    const actor = {
      userId: claims.userId,
      sessionId: claims.sessionId,
      source: 'bearer',
      goodUntil,
    } as const;
    const known = await sessionGate.ask(claims.userId, claims.sessionId);
    const own = withFacts(ctx, { actor });
    const account = await me(own, known ?? undefined).catch((error: unknown) => {
      // Nothing counts what services ask, so a dead token must not buy a round trip each time.
      const hasEnded = findAppError(error)?.code === 'session_revoked';
      if (hasEnded && known && !known.isOver)
        sessionGate.fill(own, known, { account: null, expiresAt: goodUntil });
      throw error;
    });
    if (verifiedOnly && !account.emailVerified) throw new AppError('email_not_verified');
    const permissions = permissionsInForce(account);
    if (permission !== undefined && !permissions.includes(permission)) {
      throw new AppError(account.mustChangePassword ? 'password_change_required' : 'forbidden');
    }
    return { claims, token: facts, account, permissions };
  };

  return {
    verify,

    /** Whether any service may ask by HTTP. */
    isOffered: clients.length > 0,

    /** The service that asks. @throws AppError `invalid_client` */
    authenticate: async (presented: ClientCredentials | null): Promise<IntrospectionClient> => {
      const client = presented && (await clientOf(presented));
      if (!client) throw new AppError('invalid_client');
      return client;
    },

    /**
     * What a token stands for (RFC 7662); null where it is not active. Unlike `verify` it gives no leeway after `exp`:
     * the answer has `exp`, and the two must not contradict each other.
     * @throws AppError `service_unavailable` and `timeout` where the question has no answer
     */
    introspect: async (
      ctx: RequestContext,
      { audience }: IntrospectionClient,
      token: string,
    ): Promise<Introspected | null> => {
      const verified = await verify(ctx, token, { audience }).catch((error: unknown) => {
        if (inactive.has(findAppError(error)?.code)) return null;
        throw error;
      });
      if (!verified || verified.token.expiresAt <= ctx.now) return null;
      return { ...verified, audience, issuer: config.jwt.issuer };
    },
  };
};

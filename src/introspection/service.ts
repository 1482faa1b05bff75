import type { Account } from '../accounts/rules/account.ts';
import type { Accounts } from '../accounts/service.ts';
import type { Container } from '../container.ts';
import { type RequestContext, withFacts } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import type { AccessClaims } from '../platform/rules/access-token.ts';
import { permissionsInForce } from './rules.ts';

/** What an access token stands for right now. */
export type Verified = {
  readonly claims: AccessClaims;
  readonly account: Account;
  /** What the account may do now: nothing while it has to choose another password. */
  readonly permissions: readonly string[];
};

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
  }: Pick<Container, 'accessTokens' | 'sessionGate' | 'verifiedOnly'>,
  { me }: Pick<Accounts, 'me'>,
) => ({
  /**
   * Whether a token is good, its session lives, and its account may do something. It costs one call of the session gate,
   * and a round trip to the database only if the gate does not know the session. It does not count against the person's
   * rate limit, because another service asks.
   * @throws AppError `unauthenticated`, `token_expired`, `session_revoked`, `account_disabled`, `email_not_verified`,
   * `password_change_required`, `forbidden`; `service_unavailable` and `timeout` where the question has no answer
   */
  verify: async (
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
    const { claims, goodUntil } = verdict;
    const actor = {
      userId: claims.userId,
      sessionId: claims.sessionId,
      source: 'bearer',
      goodUntil,
    } as const;
    const known = await sessionGate.ask(claims.userId, claims.sessionId);
    const account = await me(withFacts(ctx, { actor }), known ?? undefined);
    if (verifiedOnly && !account.emailVerified) throw new AppError('email_not_verified');
    const permissions = permissionsInForce(account);
    if (permission !== undefined && !permissions.includes(permission)) {
      throw new AppError(account.mustChangePassword ? 'password_change_required' : 'forbidden');
    }
    return { claims, account, permissions };
  },
});

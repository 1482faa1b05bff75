import type { LoginName } from '../accounts/rules/account.ts';
import type { Container } from '../container.ts';
import type { Passwords } from '../passwords/service.ts';
import type { RequestContext } from '../platform/context.ts';
import { AppError, type ErrorCode } from '../platform/errors.ts';
import type { AccessVerdict } from '../platform/rules/access-token.ts';
import { grantScope, type IssuedTokens, type LogoutScope, newSession } from './rules/session.ts';
import { createRefresh } from './sql/refresh.ts';
import { createSessionSql, type SessionProof } from './sql/sessions.ts';

export type LoginRequest = {
  readonly identifier: LoginName;
  readonly password: string;
  readonly scope: string;
  /** Needed only after failures, and only where the configuration says so. */
  readonly turnstileToken: string | null;
  /** The service that the access token is for (RFC 8707); Itsor itself where it is null. */
  readonly resource: string | null;
};

/** The tokens that a logout carries: the verdict on its access token, and the others as they came. */
export type PresentedTokens = {
  readonly access: AccessVerdict;
  /** Why there is no verdict: the header holds no token, or a cookie came twice. */
  readonly unreadable: AppError | null;
  /** The access tokens of cookies beside what is unreadable. */
  readonly spare: readonly string[];
  readonly refresh: readonly string[];
};

/** The most sessions that one logout ends by tokens; a browser has more than one only where a neighbour planted them. */
const maxEndedByTokens = 10;

/** Everybody gets this answer, so that it helps people who wait for the mail and does not tell who waits for one. */
const orNotConfirmed = {
  detail: 'The account or the password is wrong, or the e-mail address is not confirmed yet.',
};

/** The caller relies on the other sessions being over, so a logout that ended none has to say so. */
const nothingDone: Partial<Record<ErrorCode, string>> = {
  session_revoked: 'The session has ended already, so nothing was done to the other ones. Log in again.',
  refresh_token_invalid:
    'The refresh token is not the current one of a session, so nothing was done. Log in again.',
  token_expired: 'The access token has expired, so nothing was done. Refresh it and try again.',
  unauthenticated: 'No session was proved, so nothing was done. Log in again.',
};
const undone = (code: ErrorCode): AppError => {
  const detail = nothingDone[code];
  return new AppError(code, detail === undefined ? {} : { detail });
};

const unproved = ({ access, refresh }: PresentedTokens): ErrorCode => {
  if (access.kind !== 'invalid') return 'token_expired';
  return refresh.length === 0 ? 'unauthenticated' : 'refresh_token_invalid';
};

/** The first proof of each session. */
const oneOfEach = (proofs: readonly SessionProof[]): readonly SessionProof[] =>
  proofs.filter(({ sessionId }, at) => at === proofs.findIndex((earlier) => earlier.sessionId === sessionId));

const unknownResource = {
  errors: [
    {
      pointer: '/resource',
      code: 'unsupported',
      detail: 'must be JWT_AUDIENCE or one of JWT_AUDIENCES of this service',
    },
  ],
};

export type Sessions = ReturnType<typeof createSessions>;

export const createSessions = (container: Container, passwords: Pick<Passwords, 'verify' | 'renewHash'>) => {
  const { config, accessTokens, refreshTokens, issueTokens, mailQueue, metrics, newId, verifiedOnly } =
    container;
  const policy = config.session;
  const { audience: ownAudience } = config.jwt;
  const { audiences } = config.services;
  const rows = createSessionSql(container);
  const step = createRefresh(container);

  /** The audience that a client asks for; null: Itsor itself. @throws AppError for one that nobody has configured */
  const audienceOf = (resource: string | null): string | null => {
    if (resource === null || resource === ownAudience) return null;
    if (!audiences.includes(resource)) throw new AppError('validation_failed', unknownResource);
    return resource;
  };

  const endEach = async (ctx: RequestContext, proofs: readonly SessionProof[]): Promise<void> => {
    await Promise.all(proofs.slice(0, maxEndedByTokens).map((proof) => rows.end(ctx, proof)));
  };

  /**
   * The sessions that tokens name. A good access token alone counts where there is one. `proofs` may end other sessions
   * too, the surest first; `claimed` may only end themselves.
   */
  const recognize = async (
    ctx: RequestContext,
    { access, spare, refresh }: PresentedTokens,
  ): Promise<{ readonly claimed: readonly SessionProof[]; readonly proofs: readonly SessionProof[] }> => {
    const isGood = (verdict: AccessVerdict) => verdict.kind === 'valid' && verdict.goodUntil > ctx.now;
    const claimOf = (verdict: AccessVerdict): SessionProof[] =>
      verdict.kind === 'invalid' ? [] : [{ sessionId: verdict.claims.sessionId, counter: null }];
    if (isGood(access)) return { claimed: [], proofs: claimOf(access) };

    const verdicts = await Promise.all(spare.map((token) => accessTokens.verify(token, ctx.now)));
    const read = await Promise.all(refresh.map((token) => refreshTokens.read(token)));
    const claims = read
      .filter((claim) => claim !== null)
      .toSorted((one, other) => other.counter - one.counter);
    return {
      claimed: [access, ...verdicts].flatMap(claimOf),
      proofs: [...verdicts.filter(isGood).flatMap(claimOf), ...claims],
    };
  };

  return {
    /**
     * Opens a session for a password. An unknown account, a wrong password and an account without one get the same
     * answer for the same work.
     * @throws AppError `invalid_credentials`, `account_disabled`, `email_not_verified`, `login_locked`,
     *   `turnstile_failed`, `overloaded`, `validation_failed` for an unknown `resource`
     */
    login: async (ctx: RequestContext, request: LoginRequest): Promise<IssuedTokens> => {
      const { identifier, password, scope, turnstileToken, resource } = request;
      // Before the password, which costs a hash and counts as an attempt.
      const audience = audienceOf(resource);
      const account = await passwords.verify(ctx, identifier, password, turnstileToken);
      if (!account) throw new AppError('invalid_credentials', verifiedOnly ? orNotConfirmed : {});
      // Checked after the password, so that a stranger learns nothing. While addresses must be verified, only accounts
      // of administrators and from before have an unverified one, and no stranger has chosen it.
      if (account.disabled) throw new AppError('account_disabled');
      if (verifiedOnly && !account.emailVerified) throw new AppError('email_not_verified');

      const session = newSession(newId(ctx.now), grantScope(scope), policy, ctx.now);
      const outboxId = newId(ctx.now);
      const opened = await rows.open(ctx, account, session, outboxId);
      if (!opened) throw new AppError('invalid_credentials');
      if (opened.isDeviceTold) ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
      if (account.outdated) ctx.defer('re-hash the password', passwords.renewHash(ctx, account, password));
      return issueTokens(opened, ctx.now, audience);
    },

    /**
     * Exchanges a refresh token for its successor.
     * @throws AppError `refresh_token_invalid`, `refresh_token_reused`, `session_revoked`, `account_disabled`,
     * `email_not_verified`, `validation_failed` for an unknown `resource`
     */
    refresh: async (
      ctx: RequestContext,
      token: string,
      resource: string | null = null,
    ): Promise<IssuedTokens> => {
      // Before the step, which takes the token away.
      const audience = audienceOf(resource);
      const claim = await refreshTokens.read(token);
      const outcome = claim ? await step(ctx, claim, policy) : ({ kind: 'unknown' } as const);
      metrics.count('itsor_refreshes_total', { outcome: outcome.kind });
      switch (outcome.kind) {
        case 'refreshed':
          return issueTokens(outcome, ctx.now, audience);
        case 'late':
          ctx.log.warn('refresh token answered late', { session_id: claim?.sessionId });
          return issueTokens(outcome, ctx.now, audience);
        case 'reused':
          ctx.log.warn('refresh token reused', { session_id: claim?.sessionId });
          throw new AppError('refresh_token_reused');
        case 'unknown':
        case 'expired':
          throw new AppError('refresh_token_invalid');
        case 'revoked':
          throw new AppError('session_revoked');
        case 'disabled':
          throw new AppError('account_disabled');
        case 'unverified':
          throw new AppError('email_not_verified');
      }
    },

    /**
     * Ends the session that the tokens prove, or more of the account's sessions. An expired access token can end its
     * own session and no other one. Without a session of its own a `local` logout does nothing.
     * @throws AppError where other sessions are to end and no live session is proved: `session_revoked`,
     *   `refresh_token_invalid`, `token_expired`, `unauthenticated`; `duplicate_cookie` where two are; what made the
     *   tokens unreadable, where no other one is recognized
     */
    logout: async (ctx: RequestContext, tokens: PresentedTokens, scope: LogoutScope): Promise<void> => {
      const { claimed, proofs } = await recognize(ctx, tokens);
      const own = oneOfEach([...proofs, ...claimed]);
      if (own.length === 0 && tokens.unreadable) throw tokens.unreadable;
      if (scope === 'local') return endEach(ctx, own);

      const [proof] = proofs;
      if (!proof) throw undone(unproved(tokens));
      if (oneOfEach(proofs).length > 1) {
        // Nothing tells which account is meant, so only what the browser itself holds ends.
        if (scope === 'global') await endEach(ctx, own);
        throw new AppError('duplicate_cookie');
      }
      const refusal = await rows.endWithOthers(ctx, proof, scope, policy);
      if (refusal !== null) throw undone(refusal);
    },

    /**
     * Ends the session of a token of either kind (RFC 7009 section 2.1); an unknown token is not an error. An access token
     * may be for any service: the client that asked for it has no other, and an answer of 200 must mean that it is over.
     */
    revoke: async (ctx: RequestContext, token: string): Promise<void> => {
      const refresh = await refreshTokens.read(token);
      if (refresh) return rows.end(ctx, refresh);
      const access = await accessTokens.verify(token, ctx.now, [ownAudience, ...audiences]);
      if (access.kind !== 'invalid')
        await rows.end(ctx, { sessionId: access.claims.sessionId, counter: null });
    },

    list: rows.listOwn,
    end: rows.endOwn,
  };
};

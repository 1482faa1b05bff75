import type { AccountRepository, LoginCandidate } from '../../accounts/sql/accounts.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import { hashCaller } from '../../passwords/rules/hash-lane.ts';
import type { PasswordHasher } from '../../passwords/rules/password-hasher.ts';
import type { VerifyPassword } from '../../passwords/service/verify.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import {
  grantScope,
  type IssuedTokens,
  type IssueTokens,
  newSession,
  type SessionPolicy,
} from '../rules/session.ts';
import type { SessionRepository } from '../sql/sessions.ts';

export type LoginRequest = { readonly identifier: string; readonly password: string; readonly scope: string };

type Deps = {
  readonly accounts: Pick<AccountRepository, 'findForLogin' | 'replaceHash'>;
  readonly sessions: Pick<SessionRepository, 'open'>;
  readonly verifyPassword: VerifyPassword;
  readonly hasher: Pick<PasswordHasher, 'hash' | 'refuseIfFull'>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
  /** Whether accounts whose address is not verified are refused. */
  readonly verifiedOnly: boolean;
};

/** Said to everybody alike, so that who waits for the mail learns what to do, and nobody whether another one waits. */
const orNotConfirmed = {
  detail: 'The account or the password is wrong, or the e-mail address is not confirmed yet.',
};

/**
 * Opens a session for a password. An unknown account, a wrong password and an account without one get the
 * same answer for the same work.
 * @throws AppError `invalid_credentials`, `account_disabled`, `email_not_verified`, `login_locked`, `overloaded`
 */
export const createLogin = ({
  accounts,
  sessions,
  verifyPassword,
  hasher,
  issueTokens,
  sessionPolicy,
  mailQueue,
  newId,
  verifiedOnly,
}: Deps) => {
  const rehash = async (ctx: RequestContext, { userId, passwordHash }: LoginCandidate, password: string) => {
    if (passwordHash === null) return;
    await accounts.replaceHash(
      ctx,
      userId,
      passwordHash,
      await hasher.hash(password, hashCaller(ctx, 'session', userId)),
    );
  };

  return async (
    ctx: RequestContext,
    { identifier, password, scope }: LoginRequest,
  ): Promise<IssuedTokens> => {
    hasher.refuseIfFull(hashCaller(ctx, 'login', identifier));
    const candidates = accounts.findForLogin(ctx, identifier);
    const verified = await verifyPassword(ctx, identifier, password, candidates);
    if (!verified.valid) throw new AppError('invalid_credentials', verifiedOnly ? orNotConfirmed : {});
    const { found: account, outdated } = verified;
    // Said only to who knows the password. While addresses must be verified, no sign-up gives an account one before
    // it is: those that have one yet are of an administrator or from before, and no stranger has chosen it.
    if (account.disabled) throw new AppError('account_disabled');
    if (verifiedOnly && !account.emailVerified) throw new AppError('email_not_verified');

    const session = newSession(newId(ctx.now), grantScope(scope), sessionPolicy, ctx.now);
    const outboxId = newId(ctx.now);
    const opened = await sessions.open(ctx, account, session, outboxId);
    if (!opened) throw new AppError('invalid_credentials');
    if (opened.isNewDevice) ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    if (outdated) ctx.defer('re-hash the password', rehash(ctx, account, password));
    return issueTokens(opened, ctx.now);
  };
};

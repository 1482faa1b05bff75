import type { PasswordHasher, RequestContext } from '../../context.ts';
import type { LoginOutcome } from '../../domain/login-attempts.ts';
import type { LoginGuard } from '../../domain/login-ledger.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import {
  grantScope,
  type IssuedTokens,
  type IssueTokens,
  newSession,
  type SessionPolicy,
} from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { AccountRepository, LoginCandidate } from '../../repositories/accounts.ts';
import type { SessionRepository } from '../../repositories/sessions.ts';

export type LoginRequest = { readonly identifier: string; readonly password: string; readonly scope: string };

type Deps = {
  readonly accounts: Pick<AccountRepository, 'findForLogin' | 'replaceHash'>;
  readonly sessions: Pick<SessionRepository, 'open'>;
  readonly guard: LoginGuard;
  readonly hasher: PasswordHasher;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
  /** Whether accounts whose address is not verified are refused. */
  readonly verifiedOnly: boolean;
};

type Checked =
  | { readonly valid: true; readonly outdated: boolean; readonly candidate: LoginCandidate }
  | { readonly valid: false; readonly outdated: false; readonly candidate: null };

const settledValue = <T>(settled: PromiseSettledResult<T>): T => {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
};

/**
 * Opens a session for a password. An unknown account, a wrong password and an account without one cost
 * the same work and get the same answer (OWASP ASVS 5.0, 6.3.8).
 * @throws AppError `invalid_credentials`, `account_disabled`, `email_not_verified`, `login_locked`, `overloaded`
 */
export const createLogin = ({
  accounts,
  sessions,
  guard,
  hasher,
  issueTokens,
  sessionPolicy,
  mailQueue,
  newId,
  verifiedOnly,
}: Deps) => {
  const check = async (
    found: PromiseSettledResult<LoginCandidate | null>,
    password: string,
  ): Promise<Checked> => {
    const candidate = settledValue(found);
    const { valid, outdated } = await hasher.verify(password, candidate?.passwordHash ?? null);
    return valid && candidate
      ? { valid, outdated, candidate }
      : { valid: false, outdated: false, candidate: null };
  };

  const rehash = async (ctx: RequestContext, { id, passwordHash }: LoginCandidate, password: string) => {
    if (passwordHash !== null) await accounts.replaceHash(ctx, id, passwordHash, await hasher.hash(password));
  };

  return async (
    ctx: RequestContext,
    { identifier, password, scope }: LoginRequest,
  ): Promise<IssuedTokens> => {
    // The attempt is reserved before the hash, so that parallel guesses cannot outrun the count.
    const [reserved, found] = await Promise.allSettled([
      guard.reserve(identifier, ctx.network),
      accounts.findForLogin(ctx, identifier),
    ]);
    const attempt = settledValue(reserved);
    if (!attempt.admitted) {
      throw new AppError('login_locked', { retryAfterSeconds: attempt.retryAfterSeconds });
    }
    const settle = (outcome: LoginOutcome) => ctx.defer('settle the login attempt', attempt.settle(outcome));

    const { candidate, valid, outdated } = await check(found, password).catch((error: unknown) => {
      // Our own failure is not a wrong guess: an outage must not lock people out.
      settle('withdrawn');
      throw error;
    });
    settle(valid ? 'succeeded' : 'failed');
    if (!valid) throw new AppError('invalid_credentials');
    // Said only to who knows the password.
    if (candidate.disabled) throw new AppError('account_disabled');
    if (verifiedOnly && !candidate.emailVerified) throw new AppError('email_not_verified');

    const session = newSession(newId(ctx.now), grantScope(scope), sessionPolicy, ctx.now);
    const outboxId = newId(ctx.now);
    const opened = await sessions.open(ctx, candidate.id, session, outboxId);
    if (!opened) throw new AppError('invalid_credentials');
    if (opened.isNewDevice) ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    if (outdated) ctx.defer('re-hash the password', rehash(ctx, candidate, password));
    return issueTokens(opened, ctx.now);
  };
};

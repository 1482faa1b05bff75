import type { CheckPassword, PasswordHasher, RequestContext } from '../../context.ts';
import { canonicalEmail } from '../../domain/account.ts';
import { hashCaller } from '../../domain/hash-lane.ts';
import type { PrepareToken } from '../../domain/one-time-token.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import { type IssuedTokens, type IssueTokens, newSession, type SessionPolicy } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { AccountRepository, NewAccount } from '../../repositories/accounts.ts';
import type { SignUp, SignUpRepository } from '../../repositories/sign-ups.ts';

export type SignupRequest = {
  readonly email: string;
  readonly password: string;
  readonly username: string | null;
  readonly turnstileToken: string | null;
};

type Deps = {
  /** Refuses who has not passed the challenge; null where there is none. */
  readonly checkTurnstile: ((ctx: RequestContext, token: string | null) => Promise<void>) | null;
  readonly accounts: Pick<AccountRepository, 'create'>;
  readonly signUps: Pick<SignUpRepository, 'register'>;
  readonly hasher: Pick<PasswordHasher, 'hash' | 'refuseIfFull'>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly verification: 'off' | 'optional' | 'required';
  readonly checkPassword: CheckPassword;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/** `pending`: nothing is told before the address is verified. */
export type SignupOutcome =
  | { readonly kind: 'opened'; readonly tokens: IssuedTokens }
  | { readonly kind: 'pending' };

/**
 * Makes an account and its first session; with verification required, an account that waits for its mail.
 * @throws AppError `weak_password`, `turnstile_failed`, `email_taken`, `username_taken`, `overloaded`
 */
export const createSignup = (deps: Deps) => {
  const { checkTurnstile, accounts, signUps, hasher, issueTokens, sessionPolicy, newId } = deps;
  const { verification, checkPassword, prepareToken, mailQueue } = deps;

  const open = async (ctx: RequestContext, account: NewAccount): Promise<SignupOutcome> => {
    const session = newSession(newId(ctx.now), '', sessionPolicy, ctx.now);
    const created = await accounts.create(ctx, account, session);
    if (created.kind !== 'created') throw new AppError(created.kind);
    return { kind: 'opened', tokens: await issueTokens(created, ctx.now) };
  };

  const register = async (ctx: RequestContext, signUp: SignUp): Promise<SignupOutcome> => {
    const registered = await signUps.register(ctx, signUp);
    if (registered !== 'registered') throw new AppError(registered);
    return { kind: 'pending' };
  };

  return async (ctx: RequestContext, request: SignupRequest): Promise<SignupOutcome> => {
    const { password, username, turnstileToken } = request;
    const email = canonicalEmail(request.email);
    const caller = hashCaller(ctx, 'signup', email);
    hasher.refuseIfFull(caller);
    await checkPassword(ctx, { password, email, username });
    // Before anything that costs, and after what may be corrected: a token serves only once.
    await checkTurnstile?.(ctx, turnstileToken);
    const account = { email, username, passwordHash: await hasher.hash(password, caller) };
    if (verification === 'off') return open(ctx, { ...account, verification: null });

    const token = await prepareToken(ctx.now, email);
    const outcome = await (verification === 'required' ? register : open)(ctx, {
      ...account,
      verification: token,
    });
    ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
    return outcome;
  };
};

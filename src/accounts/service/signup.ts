import type { PrepareToken } from '../../emails/rules.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import { hashCaller, type PasswordHasher } from '../../passwords/rules/hash-lane.ts';
import type { CheckPassword } from '../../passwords/service/check.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import {
  grantScope,
  type IssuedTokens,
  type IssueTokens,
  newSession,
  type SessionPolicy,
} from '../../sessions/rules/session.ts';
import { canonicalEmail } from '../rules/account.ts';
import type { SignUpAttempt } from '../rules/sign-up.ts';
import type { AccountRepository, NewAccount } from '../sql/accounts.ts';
import type { SignUpRepository } from '../sql/sign-ups.ts';

export type SignupRequest = {
  readonly email: string;
  readonly password: string;
  readonly username: string | null;
  readonly scope: string;
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
  readonly sealAttempt: (attempt: SignUpAttempt, now: Date) => Promise<string>;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * `pending`: nothing is told before the address is verified. `attempt` is for the browser to keep, sealed: by it the proof
 * of the address knows the browser again.
 */
export type SignupOutcome =
  | { readonly kind: 'opened'; readonly tokens: IssuedTokens }
  | { readonly kind: 'pending'; readonly attempt: string; readonly scope: string };

/**
 * Makes an account and its first session; with verification required, an account that waits for its proof, without the
 * password: anybody can sign up anybody's address.
 * @throws AppError `weak_password`, `turnstile_failed`, `email_taken`, `username_taken`, `overloaded`
 */
export const createSignup = (deps: Deps) => {
  const { checkTurnstile, accounts, signUps, hasher, issueTokens, sessionPolicy, newId } = deps;
  const { verification, checkPassword, sealAttempt, prepareToken, mailQueue } = deps;

  const open = async (ctx: RequestContext, account: NewAccount, scope: string): Promise<IssuedTokens> => {
    const session = newSession(newId(ctx.now), scope, sessionPolicy, ctx.now);
    const created = await accounts.create(ctx, account, session);
    if (created.kind !== 'created') throw new AppError(created.kind);
    return issueTokens(created, ctx.now);
  };

  return async (ctx: RequestContext, request: SignupRequest): Promise<SignupOutcome> => {
    const { password, username, turnstileToken } = request;
    const email = canonicalEmail(request.email);
    const caller = hashCaller(ctx, 'signup', email);
    hasher.refuseIfFull(caller);
    await checkPassword(ctx, { caller, password, email, username });
    // Before anything that costs, and after what may be corrected: a token serves only once.
    await checkTurnstile?.(ctx, turnstileToken);
    const chosen = { email, username, passwordHash: await hasher.hash(password, caller) };
    const scope = grantScope(request.scope);
    if (verification === 'off') {
      const tokens = await open(ctx, { ...chosen, verification: null }, scope);
      return { kind: 'opened', tokens };
    }

    const token = await prepareToken(ctx.now, email);
    if (verification === 'optional') {
      const tokens = await open(ctx, { ...chosen, verification: token }, scope);
      ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
      return { kind: 'opened', tokens };
    }
    const attempt = await sealAttempt(chosen, ctx.now);
    const registered = await signUps.register(ctx, { email, username, verification: token });
    if (registered !== 'registered') throw new AppError(registered);
    ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
    return { kind: 'pending', attempt, scope };
  };
};

import type { Container } from '../container.ts';
import { hashCaller } from '../passwords/rules/hash-lane.ts';
import type { Passwords } from '../passwords/service.ts';
import type { RequestContext, SessionContext } from '../platform/context.ts';
import { AppError, type FieldError } from '../platform/errors.ts';
import type { SessionAnswer } from '../platform/rules/session-answer.ts';
import { grantScope, type IssuedTokens, newSession } from '../sessions/rules/session.ts';
import { type Account, accountOfText, accountToText, withPasswordAge } from './rules/account.ts';
import { tokenReasons } from './rules/challenge.ts';
import { erasureOf } from './rules/erasure.ts';
import { createOwnAccountSql } from './sql/own-account.ts';
import { createExportOwnAccount } from './sql/own-records.ts';
import { createSignUpSql } from './sql/sign-ups.ts';

export type SignupRequest = {
  readonly email: string;
  readonly password: string;
  readonly username: string | null;
  readonly scope: string;
  readonly turnstileToken: string | null;
};

export type SignupChoice = Omit<SignupRequest, 'password' | 'scope'> & { readonly password: string | null };

/**
 * `pending`: the address has to be verified before anything is told. The browser keeps `attempt`, which is sealed; with
 * it, the proof of the address recognizes the browser.
 */
export type SignupOutcome =
  | { readonly kind: 'opened'; readonly tokens: IssuedTokens }
  | { readonly kind: 'pending'; readonly attempt: string; readonly scope: string };

export type Accounts = ReturnType<typeof createAccounts>;

export const createAccounts = (container: Container, passwords: Passwords) => {
  const {
    config,
    hasher,
    issueTokens,
    prepareToken,
    sealedSignUps,
    challenges,
    mailQueue,
    agenda,
    newId,
    sessionGate,
  } = container;
  const signUps = createSignUpSql(container);
  const ownAccount = createOwnAccountSql(container);

  /**
   * Creates an account and its first session. With verification required, it creates an account without a password that
   * waits for the proof of its address: anybody can sign up anybody's address.
   * @throws AppError `weak_password`, `turnstile_failed`, `email_taken`, `username_taken`, `overloaded`
   */
  const signup = async (ctx: RequestContext, request: SignupRequest): Promise<SignupOutcome> => {
    const { email, password, username, turnstileToken } = request;
    const { verification: policy } = config.email;
    const caller = hashCaller(ctx, 'signup', email);
    hasher.refuseIfFull(caller);
    const others = tokenReasons(challenges.signup !== undefined, turnstileToken);
    await passwords.check(ctx, { caller, password, email, username }, others);
    // A token works once, so it is spent after what a person may have to correct, and before what costs.
    await challenges.signup?.(ctx, turnstileToken);
    const chosen = { email, username, passwordHash: await hasher.hash(password, caller) };
    const scope = grantScope(request.scope);
    const verification = policy === 'off' ? null : await prepareToken(ctx.now, email);
    const deliver = () => {
      if (verification) ctx.defer('hand a mail over', mailQueue.enqueue([verification.outboxId]));
    };

    if (verification && policy === 'required') {
      const attempt = await sealedSignUps.seal(chosen, ctx.now);
      await signUps.register(ctx, { email, username, verification });
      deliver();
      return { kind: 'pending', attempt, scope };
    }
    const session = newSession(newId(ctx.now), scope, config.session, ctx.now);
    const opened = await signUps.create(ctx, { ...chosen, verification }, session);
    const tokens = await issueTokens(opened, ctx.now);
    deliver();
    return { kind: 'opened', tokens };
  };

  /**
   * Deletes the actor's account with everything personal, and tells its address.
   * @throws AppError what `proveOwn` throws; `conflict` for the last administrator, and for an account that has changed
   */
  const remove = async (ctx: SessionContext, password: string): Promise<void> => {
    const { passwordHash, updatedAt } = await passwords.proveOwn(ctx, password);
    const outboxId = newId(ctx.now);
    await ownAccount.remove(ctx, { passwordHash, updatedAt, outboxId });
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    ctx.defer('finish a deletion', agenda.set([erasureOf(ctx.actor.userId, ctx.now)]));
  };

  /**
   * What else is wrong with a sign-up that is refused anyway; null and an empty address stand for what cannot be read.
   * It asks no database, so it tells nothing about accounts.
   */
  const signUpReasons = async (
    ctx: RequestContext,
    { email, username, password, turnstileToken }: SignupChoice,
  ): Promise<readonly FieldError[]> => {
    const caller = hashCaller(ctx, 'signup', email);
    const judged = password === null ? [] : await passwords.judge({ caller, password, email, username });
    return [...judged, ...tokenReasons(challenges.signup !== undefined, turnstileToken)];
  };

  /**
   * The actor's account.
   * @param known what the session gate knows; the database is asked only if it does not know that the session lives
   * @throws AppError `session_revoked`, `account_disabled`
   */
  const me = async (ctx: SessionContext, known: SessionAnswer | undefined): Promise<Account> => {
    const { maxAgeDays } = config.password;
    if (known && known.account !== null)
      return withPasswordAge(accountOfText(known.account), maxAgeDays, ctx.now);
    if (known?.isOver) throw new AppError('session_revoked');
    const { account, sessionExpiresAt } = await ownAccount.find(ctx);
    if (known) sessionGate.fill(ctx, known, { account: accountToText(account), expiresAt: sessionExpiresAt });
    return withPasswordAge(account, maxAgeDays, ctx.now);
  };

  return {
    signup,
    signUpReasons,
    remove,
    me,
    rename: ownAccount.rename,
    export: createExportOwnAccount(container),
  };
};

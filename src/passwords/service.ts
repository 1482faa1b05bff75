import { identifiersOf, type LoginName } from '../accounts/rules/account.ts';
import type { Audit } from '../audit/service.ts';
import type { Container } from '../container.ts';
import { deadLink, settingLinks } from '../emails/rules.ts';
import { type RequestContext, type SessionContext, withFacts } from '../platform/context.ts';
import { AppError, type FieldError, findAppError } from '../platform/errors.ts';
import { evenOut } from '../platform/even-out.ts';
import { widestOf } from '../platform/rules/network.ts';
import { named, type RatePolicy } from '../platform/rules/sliding-window.ts';
import type { IssuedTokens } from '../sessions/rules/session.ts';
import { createDictionaryReader } from './dictionary.ts';
import { hashCaller } from './rules/hash-lane.ts';
import {
  createCheckPassword,
  createJudgePassword,
  createLoadEstimate,
  createPwnedPasswords,
} from './service/check.ts';
import { createComparePassword } from './service/verify.ts';
import {
  type Credential,
  createPasswordSql,
  type LoginCandidate,
  type OwnCredential,
  type ResetCandidate,
} from './sql.ts';

/** `current` is null where none that could be one was sent. */
export type PasswordChange = { readonly current: string | null; readonly next: string };

const notTheCurrent: FieldError = {
  pointer: '/current_password',
  code: 'incorrect',
  detail: 'not the current password of the account',
};

/** A button was pressed twice, or another person who knew the password was faster. */
const changedMeanwhile =
  'The password was changed a moment ago, by another request that gave the same current password. Log in with the new one.';

/** Asks for a mail to an address. */
export type MailRequest = { readonly email: string; readonly turnstileToken: string | null };

/** The actor, whose password has been proved too. Nothing may have changed since `updatedAt`. */
export type ProvenOwner = OwnCredential & { readonly passwordHash: string };

export type Passwords = ReturnType<typeof createPasswords>;

/**
 * Only the owner gets this answer. An account that logs in through a provider sets a first password by a reset link.
 */
const hasNone = {
  detail: 'Your account has no password yet: ask for a reset link, set one, and try again.',
};

export const createPasswords = (
  container: Container,
  { recordFailedLogin }: Pick<Audit, 'recordFailedLogin'>,
) => {
  const { config, hasher, guard, limiter, oneTimeTokens, prepareToken, issueTokens } = container;
  const { mailQueue, newId, instruments, challenges, bindings } = container;
  const rows = createPasswordSql(container);
  const { isFamiliarNetwork } = rows;
  const compare = createComparePassword({ guard, hasher, isFamiliarNetwork, recordFailedLogin });
  const dictionary = createDictionaryReader(bindings.ASSETS);
  const judging = {
    policy: config.password,
    inTurn: hasher.inTurn,
    loadEstimate: createLoadEstimate(dictionary.read),
  };
  const check = createCheckPassword({
    ...judging,
    isLeaked: config.password.pwnedPasswords ? createPwnedPasswords({ fetch: instruments.outgoing }) : null,
  });
  const judge = createJudgePassword(judging);
  const { max, windowMs } = config.limits.rate;
  /** How often an account may be asked for its own password: a tenth of RATE_LIMIT_MAX in fifteen windows. */
  const ownPolicy: RatePolicy = {
    name: 'own_password',
    max: Math.max(1, Math.floor(max / 10)),
    windowMs: windowMs * 15,
  };

  /**
   * Limits passwords that are asked for behind a session: the login guard counts only failures, and each success
   * costs a hash or two as well. Counts are per account and network, so that a thief elsewhere leaves the owner's
   * alone. Attempts pass when the counts cannot be reached; the guard's own count is the one that fails closed.
   */
  const spendAttempt = async (ctx: RequestContext, userId: string): Promise<void> => {
    const key = named(`${widestOf(ctx.networks)}|${userId}`);
    const decision = await limiter.hit(ownPolicy, key, ctx.now).catch((error: unknown) => {
      const fields = { request_id: ctx.requestId, policy: ownPolicy.name, error };
      ctx.log.error('the rate limiter cannot be reached', fields);
      return null;
    });
    if (decision === null || decision.admitted) return;
    throw new AppError('rate_limited', {
      retryAfterSeconds: decision.retryAfterSeconds,
      violatedPolicies: [ownPolicy.name],
    });
  };

  /**
   * Checks the actor's own password before anything that a stolen session must not do (OWASP ASVS 5.0, 7.5.1). It
   * counts with the logins of the account, because otherwise a session would be a way around the login guard.
   * @throws AppError `session_revoked`, `account_disabled`, `invalid_credentials`, `login_locked`, `rate_limited`,
   *   `overloaded`
   */
  const proveOwn = async (ctx: SessionContext, password: string): Promise<ProvenOwner> => {
    const giveBack = hasher.refuseIfFull(hashCaller(ctx, 'session', ctx.actor.userId));
    try {
      const own = await rows.findOwn(ctx);
      const { email, passwordHash } = own;
      if (passwordHash === null) throw new AppError('invalid_credentials', hasNone);
      // Beside the guard's count, and only now: a session that has ended must not use up its owner's attempts.
      const withinBudget = spendAttempt(ctx, own.userId).then(() => own);
      const proved = await compare(ctx, { kind: 'email', value: email }, password, withinBudget);
      if (!proved) throw new AppError('invalid_credentials');
      return { ...own, passwordHash };
    } finally {
      giveBack();
    }
  };

  /** Whether a password is the account's, as one attempt that counts with its logins; a locked account tells nothing. */
  const hasPassword = async (
    ctx: RequestContext,
    account: Credential,
    password: string,
  ): Promise<boolean> => {
    const name: LoginName = { kind: 'email', value: account.email };
    const proved = await compare(ctx, name, password, Promise.resolve(account)).catch((error: unknown) => {
      if (findAppError(error)?.code === 'login_locked') return null;
      throw error;
    });
    return proved !== null;
  };

  /** @returns false where the token cannot set the password any more */
  const setByToken = async (
    ctx: RequestContext,
    tokenId: string,
    owner: ResetCandidate,
    password: string,
  ): Promise<boolean> => {
    const { email, username, passwordHash } = owner;
    const caller = hashCaller(ctx, 'reset', email);
    const choice = { caller, password, email, username };
    // Before the comparison: a guess at the current password that is refused for another reason learns nothing, and one
    // that is not refused uses up the token.
    await check(ctx, choice);
    const unchanged = passwordHash !== null && (await hasher.verify(password, passwordHash, caller)).valid;
    if (unchanged) await check(ctx, { ...choice, current: password });
    const outboxId = newId(ctx.now);
    const hash = await hasher.hash(password, caller);
    if (!(await rows.reset(ctx, tokenId, { hash, outboxId }))) return false;
    ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
    ctx.defer('forgive failed logins', guard.forgive(identifiersOf(owner), ctx.networks));
    return true;
  };

  /** Everything that is wrong with a new password, before anything is known of the account. */
  const newPasswordReasons = (ctx: SessionContext, { current, next }: PasswordChange) =>
    judge({
      caller: hashCaller(ctx, 'session', ctx.actor.userId),
      password: next,
      email: '',
      username: null,
      ...(current !== null && { current }),
      member: 'new_password',
    });

  return {
    check,
    judge,
    /** For the readiness: the parts without which nobody sets a password. */
    pings: { password_dictionary: dictionary.ping },
    newPasswordReasons,
    proveOwn,

    /**
     * Looks an account up by its login name and compares its password. A missing account, a wrong password and an
     * account without a password get the same answer for the same work. After failures it may need a token.
     * @returns null where the password is wrong
     * @throws AppError `login_locked`, `turnstile_failed`, `overloaded`, `timeout`, `service_unavailable`
     */
    verify: async (ctx: RequestContext, name: LoginName, password: string, turnstileToken: string | null) => {
      hasher.refuseIfFull(hashCaller(ctx, 'login', name.value));
      const challenge = challenges.login ? { check: challenges.login, token: turnstileToken } : null;
      return compare(ctx, name, password, rows.findForLogin(ctx, name), challenge);
    },

    /** Hashes a proved password again, under today's parameters. */
    renewHash: async (ctx: RequestContext, account: LoginCandidate, password: string): Promise<void> => {
      const { userId, passwordHash } = account;
      if (passwordHash === null) return;
      const hash = await hasher.hash(password, hashCaller(ctx, 'session', userId));
      await rows.replaceHash(ctx, userId, passwordHash, hash);
    },

    /**
     * Replaces the actor's password and ends all sessions; the owner is told by e-mail.
     * @returns the tokens of the session in which the actor continues
     * @throws AppError what `proveOwn` throws, `weak_password`, and `conflict` if the password was changed meanwhile
     */
    change: async (
      ctx: SessionContext,
      request: { current: string; next: string },
    ): Promise<IssuedTokens> => {
      const { current, next } = request;
      const { userId, email, username, passwordHash } = await proveOwn(ctx, current).catch(
        async (error: unknown) => {
          if (!(error instanceof AppError) || error.code !== 'invalid_credentials') throw error;
          const others = await newPasswordReasons(ctx, request).catch((refusal: unknown) => {
            // The queue may be full after the comparison, and the dictionary away; the answer is worth sending without
            // them.
            const code = findAppError(refusal)?.code;
            if (code === 'overloaded' || code === 'service_unavailable') return [];
            throw refusal;
          });
          const errors = [notTheCurrent, ...others];
          throw new AppError('invalid_credentials', { detail: error.detail, errors });
        },
      );
      const caller = hashCaller(ctx, 'session', userId);
      await check(ctx, { caller, password: next, email, username, current, member: 'new_password' });
      const outboxId = newId(ctx.now);
      const hash = await hasher.hash(next, caller);
      const opened = await rows.change(ctx, passwordHash, { hash, outboxId }, config.session);
      if (!opened) throw new AppError('conflict', { detail: changedMeanwhile });
      ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
      return issueTokens(opened, ctx.now);
    },

    /**
     * Whether the actor's password has become this one by a request before, which has ended the session that both came
     * with: a form that was sent twice. It counts as a login from anywhere does, because the session is over.
     */
    isChangedTo: async (ctx: SessionContext, next: string): Promise<boolean> => {
      const account = await rows.findChanged(ctx);
      return account !== null && hasPassword(withFacts(ctx, { actor: null }), account, next);
    },

    /**
     * Mails a reset link to an address that has an account; the answer does not tell whether it has (OWASP ASVS 5.0,
     * 6.3.8).
     * @throws AppError what the challenge throws
     */
    forgot: async (ctx: RequestContext, { email, turnstileToken }: MailRequest): Promise<void> => {
      await challenges.forgot?.(ctx, turnstileToken);
      const token = await prepareToken(ctx.now, null);
      await evenOut(rows.forget(ctx, email, token), config.limits.evenAnswerMs);
      ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
    },

    /**
     * Sets a password by the token of a mail, also for an account that had none, and ends all sessions. The owner can
     * log in at once, whatever the login guard has counted.
     *
     * The same password by the same token is a second submission: it succeeds and changes nothing, while the account
     * still has that password. It counts as a login does, so that a used link is no better place for guesses.
     * @throws AppError `token_invalid` for an unknown, voided or expired token, and for another password by a used one;
     *   `weak_password`, which leaves the token good
     */
    reset: async (ctx: RequestContext, request: { token: string; password: string }): Promise<void> => {
      const { token, password } = request;
      const read = await oneTimeTokens.read(token, settingLinks);
      if (!read) throw new AppError('token_invalid', deadLink);
      const owner = await rows.findForReset(ctx, read.id);
      if (owner && !owner.isRepeat && (await setByToken(ctx, read.id, owner, password))) return;
      // Another submission may have set it while this one was hashing.
      const reset = owner && !owner.isRepeat ? await rows.findForReset(ctx, read.id) : owner;
      if (!reset?.isRepeat || !(await hasPassword(ctx, reset, password)))
        throw new AppError('token_invalid', deadLink);
    },
  };
};

import { identifiersOf } from '../accounts/rules/account.ts';
import type { Container } from '../container.ts';
import { createCountedAttempt } from '../login-guard/rules/counted-attempt.ts';
import type { LoginOutcome } from '../login-guard/rules/login-attempts.ts';
import type { MailRequest, Passwords } from '../passwords/service.ts';
import { type RequestContext, type SessionContext, withFacts } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import { evenOut } from '../platform/even-out.ts';
import { deadLink } from './rules.ts';
import {
  type AddressOutcome,
  createEmailAddressSql,
  type Proof,
  type Proved,
} from './sql/email-addresses.ts';
import { createEmailChangeSql } from './sql/email-changes.ts';

/** What proves an address: the token of a link, or a code with the address that it was sent to. */
export type EmailProof = { readonly token: string } | { readonly email: string; readonly code: string };

/** What the browser that proves an address holds: its sealed sign-up, and the session that its access token names. */
export type ProvingBrowser = { readonly signUpAttempt: string | null; readonly sessionId: string | null };

/**
 * `claimed`: the account now has the password that this browser signed up with. `verified`: it has what it had before.
 * `moved`: it has the address that it asked for. `password_required`: it has no password, and the token sets one.
 * `isRepeat`: all of this was so before, and nothing was written (docs/adr/0032).
 */
export type Verified = { readonly isRepeat: boolean } & (
  | { readonly kind: 'claimed' }
  | { readonly kind: 'verified' | 'moved'; readonly userId: string }
  | { readonly kind: 'password_required'; readonly resetToken: string }
);

/** An account that nobody has confirmed may be its owner's: only the browser of the asking account takes its place. */
const needsSession = {
  detail:
    'There is an account with this address that nobody has confirmed. To delete it and use the address, log in to the account that asked for the address, and open the link again in that browser.',
};

const unchanged = {
  errors: [{ pointer: '/email', code: 'unchanged', detail: 'this is the address of the account already' }],
};

const notTheNewest = {
  detail: 'This code is from an older message. Use the code of our newest message, or the link in either.',
};

const linkStillWorks =
  'Too many wrong codes. The link in the message still works, and codes work again when Retry-After is over.';

/**
 * What the guard hears about a code. One that proves nothing new leaves its counts alone, so that it neither locks out a
 * person who sends it twice nor clears the failures of a network.
 */
const settlementOf = (outcome: AddressOutcome): LoginOutcome => {
  if (outcome.kind === 'void') return 'failed';
  const isNew = 'isRepeat' in outcome && !outcome.isRepeat;
  return isNew || outcome.kind === 'email_taken' ? 'succeeded' : 'withdrawn';
};

/** The request that began a lock may have timed out, so the record of the lock has a time limit of its own. */
const recordLimitMs = 10_000;

export type Emails = ReturnType<typeof createEmails>;

export const createEmails = (container: Container, passwords: Passwords) => {
  const { config, newId, guard, oneTimeTokens, sealedSignUps, prepareToken, mailQueue, challenges } =
    container;
  const addresses = createEmailAddressSql(container);
  const changes = createEmailChangeSql(container);

  const recordCodeLock = async (
    ctx: RequestContext,
    email: string,
    began: ReturnType<typeof createCountedAttempt>['began'],
  ): Promise<void> => {
    const lockedBy = await began;
    if (lockedBy === null) return;
    const outboxId = newId(ctx.now);
    const scope = withFacts(ctx, { signal: AbortSignal.timeout(recordLimitMs) });
    await addresses.recordCodeLock(scope, email, { lockedBy, outboxId });
    await mailQueue.enqueue([outboxId]);
  };

  /**
   * Runs a guess at a mailed code as one counted attempt. Guesses count for the address, over all of its codes: a token
   * takes five, and there is another token every minute. Addresses with and without an account are refused alike. When
   * the lock of an address begins, one mail tells its owner.
   * @throws AppError `login_locked`, `service_unavailable`
   */
  const guessCode = async (
    ctx: RequestContext,
    email: string,
    guess: () => Promise<AddressOutcome>,
  ): Promise<AddressOutcome> => {
    let isAsked = false;
    const { reservation, settle, began } = createCountedAttempt(
      ctx,
      guard.reserveCode(email, ctx.networks),
      // The database may have judged the code and committed, and a client can time its request to end just then.
      () => (isAsked ? 'failed' : 'withdrawn'),
    );
    ctx.defer('record a lock of codes', recordCodeLock(ctx, email, began));
    try {
      const attempt = await reservation;
      if (!attempt.admitted) {
        const { retryAfterSeconds } = attempt;
        throw new AppError('login_locked', { detail: linkStillWorks, retryAfterSeconds });
      }
      isAsked = true;
      const outcome = await guess();
      settle(settlementOf(outcome));
      return outcome;
    } catch (error) {
      settle('withdrawn');
      throw error;
    }
  };

  const verifyByToken = async (
    ctx: RequestContext,
    token: string,
    sessionId: string | null,
    proof: Proof,
  ): Promise<AddressOutcome | Proved<'moved'>> => {
    const read = await oneTimeTokens.read(token, ['verify_email', 'change_email']);
    if (!read) return { kind: 'void' };
    if (read.purpose === 'verify_email') return addresses.verifyByToken(ctx, read.id, proof);
    const restore = await prepareToken(ctx.now, null);
    const outcome = await changes.confirm(ctx, read.id, { sessionId, restore });
    if (outcome.kind !== 'done') return outcome;
    if (!outcome.isRepeat) ctx.defer('hand a mail over', mailQueue.enqueue([restore.outboxId]));
    return { ...outcome, kind: 'moved' };
  };

  const verifyByCode = async (
    ctx: RequestContext,
    { email, code }: { email: string; code: string },
    proof: Proof,
  ): Promise<AddressOutcome> => {
    const codeMac = await oneTimeTokens.codeMac(email, code);
    return guessCode(ctx, email, () => addresses.verifyByCode(ctx, { email, codeMac }, proof));
  };

  return {
    /**
     * Takes an address as proved: the account's own, or the new one that it asked for. What the request's browser
     * signed up with becomes the account's. Failed logins of the account are forgiven. A token that has succeeded before
     * gets the same result while the account is as it has left it, and forgives nothing.
     * @throws AppError `token_invalid` for unknown, voided and expired tokens alike; `email_taken`; `login_locked` for
     * codes
     */
    verify: async (
      ctx: RequestContext,
      given: EmailProof,
      { signUpAttempt, sessionId }: ProvingBrowser,
    ): Promise<Verified> => {
      const attempt = signUpAttempt === null ? null : await sealedSignUps.open(signUpAttempt, ctx.now);
      const proof = { attempt, resetTokenId: newId(ctx.now) };
      const outcome = await ('token' in given
        ? verifyByToken(ctx, given.token, sessionId, proof)
        : verifyByCode(ctx, given, proof));
      switch (outcome.kind) {
        case 'void':
          throw new AppError('token_invalid', 'token' in given ? deadLink : {});
        case 'email_taken':
          throw new AppError('email_taken', outcome.freeToAsker ? needsSession : {});
        case 'superseded':
          throw new AppError('token_invalid', notTheNewest);
        case 'password_required': {
          const resetToken = await oneTimeTokens.token(outcome.resetTokenId, 'reset_password');
          return { kind: 'password_required', resetToken, isRepeat: outcome.isRepeat };
        }
        case 'claimed':
        case 'moved':
        case 'done': {
          const { kind, userId, isRepeat } = outcome;
          if (!isRepeat)
            ctx.defer('forgive failed logins', guard.forgive(identifiersOf(outcome), ctx.networks));
          if (kind === 'claimed') return { kind, isRepeat };
          return { kind: kind === 'moved' ? kind : 'verified', userId, isRepeat };
        }
      }
    },

    /**
     * Sends another verification mail to an address that waits for one, without telling whether it waits.
     * @throws AppError what the challenge throws
     */
    resend: async (ctx: RequestContext, { email, turnstileToken }: MailRequest): Promise<void> => {
      await challenges.resend?.(ctx, turnstileToken);
      if (config.email.verification === 'off') return;
      const token = await prepareToken(ctx.now, email);
      await evenOut(addresses.resend(ctx, email, token), config.limits.evenAnswerMs);
      ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
    },

    /**
     * Asks a new address to prove itself, and tells the old one; until the proof, nothing changes.
     * @throws AppError what `proveOwn` throws; `validation_failed` for the address that the account has; `conflict` if
     * the password was changed meanwhile
     */
    change: async (ctx: SessionContext, request: { password: string; email: string }): Promise<void> => {
      const { email } = request;
      const own = await passwords.proveOwn(ctx, request.password);
      if (own.email === email) throw new AppError('validation_failed', unchanged);
      const token = await prepareToken(ctx.now, null);
      const noticeId = newId(ctx.now);
      await changes.request(ctx, { email, passwordHash: own.passwordHash, token, noticeId });
      ctx.defer('hand mails over', mailQueue.enqueue([token.outboxId, noticeId]));
    },

    /**
     * Undoes a change of address, by the token that went to the old address. Then the same token sets a password, as
     * the token of a reset link does, and a mail tells the address that the account leaves. A second use changes nothing.
     * @returns whether the token sets a password now
     * @throws AppError `token_invalid` for unknown, voided and expired tokens alike; `email_taken`
     */
    restore: async (ctx: RequestContext, token: string): Promise<{ readonly setsPassword: boolean }> => {
      const read = await oneTimeTokens.read(token, ['restore_email']);
      const noticeId = newId(ctx.now);
      const outcome = read && (await changes.restore(ctx, read.id, noticeId));
      if (!outcome || outcome.kind === 'void') throw new AppError('token_invalid', deadLink);
      if (outcome.kind === 'email_taken') throw new AppError('email_taken');
      if (!outcome.isRepeat) ctx.defer('hand a mail over', mailQueue.enqueue([noticeId]));
      return { setsPassword: outcome.setsPassword };
    },
  };
};

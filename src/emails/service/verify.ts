import { canonicalEmail, identifiersOf } from '../../accounts/rules/account.ts';
import type { SignUpAttempt } from '../../accounts/rules/sign-up.ts';
import type { LoginGuard } from '../../login-guard/rules/login-ledger.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { PrepareToken, TokenPurpose } from '../rules.ts';
import type { AddressOutcome, EmailAddressRepository, Proof, Proved } from '../sql/email-addresses.ts';
import type { EmailChangeRepository } from '../sql/email-changes.ts';
import type { GuessCode } from './guess-code.ts';

/** What proves an address: the token of a link, or the code with the address it was sent to. */
export type EmailProof = { readonly token: string } | { readonly email: string; readonly code: string };

/** What the browser that proves an address holds: its sign-up, sealed, and the session that its access token names. */
export type ProvingBrowser = { readonly signUpAttempt: string | null; readonly sessionId: string | null };

/** An account that nobody has confirmed may be its owner's: only the account's own browser takes its place. */
const needsSession = {
  detail:
    'There is an account with this address that nobody has confirmed. To delete it and use the address, log in to the account that asked for the address, and open the link again in that browser.',
};

/**
 * `claimed`: the account has the password now that this browser has signed up with. `verified`: it has what it had before.
 * `moved`: it has the address that it asked for.
 * `password_required`: it has no password, and the token sets one.
 */
export type Verified =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'verified' | 'moved'; readonly userId: string }
  | { readonly kind: 'password_required'; readonly resetToken: string };

type ReadToken = (
  token: string,
  purposes: readonly TokenPurpose[],
) => Promise<{ readonly id: string; readonly purpose: TokenPurpose } | null>;

type Deps = {
  readonly addresses: Pick<EmailAddressRepository, 'verifyByToken' | 'verifyByCode'>;
  readonly changes: Pick<EmailChangeRepository, 'confirm'>;
  readonly readToken: ReadToken;
  readonly resetToken: (id: string) => Promise<string>;
  readonly openAttempt: (sealed: string, now: Date) => Promise<SignUpAttempt | null>;
  readonly codeMac: (email: string, code: string) => Promise<string>;
  readonly guessCode: GuessCode;
  readonly prepareToken: PrepareToken;
  readonly guard: Pick<LoginGuard, 'forgive'>;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
};

/**
 * Takes an address as proved: the account's own, or the new one that it asked for. What the request's browser has signed
 * up with that address becomes the account's. Who has guessed wrongly before may log in at once.
 * @throws AppError `token_invalid` for what is unknown, used or expired alike; `email_taken`; `login_locked` for codes
 */
export const createVerifyEmail = (deps: Deps) => {
  const { addresses, changes, readToken, codeMac, guessCode, prepareToken, guard, mailQueue } = deps;

  const byToken = async (
    ctx: RequestContext,
    token: string,
    sessionId: string | null,
    proof: Proof,
  ): Promise<AddressOutcome | Proved<'moved'>> => {
    const read = await readToken(token, ['verify_email', 'change_email']);
    if (!read) return { kind: 'void' };
    if (read.purpose === 'verify_email') return addresses.verifyByToken(ctx, read.id, proof);
    const restore = await prepareToken(ctx.now, null);
    const outcome = await changes.confirm(ctx, read.id, { sessionId, restore });
    if (outcome.kind !== 'done') return outcome;
    ctx.defer('hand a mail over', mailQueue.enqueue([restore.outboxId]));
    return { ...outcome, kind: 'moved' };
  };

  const byCode = async (
    ctx: RequestContext,
    given: { email: string; code: string },
    proof: Proof,
  ): Promise<AddressOutcome> => {
    const email = canonicalEmail(given.email);
    const mac = await codeMac(email, given.code);
    return guessCode(ctx, email, () => addresses.verifyByCode(ctx, { email, codeMac: mac }, proof));
  };

  return async (
    ctx: RequestContext,
    given: EmailProof,
    { signUpAttempt, sessionId }: ProvingBrowser,
  ): Promise<Verified> => {
    const attempt = signUpAttempt === null ? null : await deps.openAttempt(signUpAttempt, ctx.now);
    const proof = { attempt, resetTokenId: deps.newId(ctx.now) };
    const outcome = await ('token' in given
      ? byToken(ctx, given.token, sessionId, proof)
      : byCode(ctx, given, proof));
    switch (outcome.kind) {
      case 'void':
        throw new AppError('token_invalid');
      case 'email_taken':
        throw new AppError('email_taken', outcome.freeToAsker ? needsSession : {});
      case 'password_required':
        return { kind: 'password_required', resetToken: await deps.resetToken(proof.resetTokenId) };
      case 'claimed':
      case 'moved':
      case 'done': {
        ctx.defer('forgive failed logins', guard.forgive(identifiersOf(outcome)));
        const { kind, userId } = outcome;
        return kind === 'claimed' ? { kind } : { kind: kind === 'moved' ? kind : 'verified', userId };
      }
    }
  };
};

import type { RequestContext } from '../../context.ts';
import { canonicalEmail, identifiersOf } from '../../domain/account.ts';
import type { LoginGuard } from '../../domain/login-ledger.ts';
import type { PrepareToken, TokenPurpose } from '../../domain/one-time-token.ts';
import type { MailQueue } from '../../domain/outbox.ts';
import { AppError } from '../../errors.ts';
import type { EmailAddressRepository, ProofOutcome } from '../../repositories/email-addresses.ts';
import type { EmailChangeRepository } from '../../repositories/email-changes.ts';
import type { GuessCode } from './guess-code.ts';

/** What proves an address: the token of a link, or the code with the address it was sent to. */
export type EmailProof = { readonly token: string } | { readonly email: string; readonly code: string };

type ReadToken = (
  token: string,
  purposes: readonly TokenPurpose[],
) => Promise<{ readonly id: string; readonly purpose: TokenPurpose } | null>;

type Deps = {
  readonly addresses: Pick<EmailAddressRepository, 'verifyByToken' | 'verifyByCode'>;
  readonly changes: Pick<EmailChangeRepository, 'confirm'>;
  readonly readToken: ReadToken;
  readonly codeMac: (email: string, code: string) => Promise<string>;
  readonly guessCode: GuessCode;
  readonly prepareToken: PrepareToken;
  readonly guard: Pick<LoginGuard, 'forgive'>;
  readonly mailQueue: MailQueue;
};

/**
 * Takes an address as proved: the account's own, or the new one that it asked for. Who has guessed wrongly before
 * may log in at once.
 * @throws AppError `token_invalid` for what is unknown, used or expired alike; `email_taken`; `login_locked` for codes
 */
export const createVerifyEmail = (deps: Deps) => {
  const { addresses, changes, readToken, codeMac, guessCode, prepareToken, guard, mailQueue } = deps;

  const byToken = async (ctx: RequestContext, token: string): Promise<ProofOutcome> => {
    const read = await readToken(token, ['verify_email', 'change_email']);
    if (!read) return { kind: 'void' };
    if (read.purpose === 'verify_email') return addresses.verifyByToken(ctx, read.id);
    const restore = await prepareToken(ctx.now, null);
    const outcome = await changes.confirm(ctx, read.id, restore);
    if (outcome.kind === 'done') ctx.defer('hand a mail over', mailQueue.enqueue([restore.outboxId]));
    return outcome;
  };

  const byCode = async (ctx: RequestContext, given: string, code: string): Promise<ProofOutcome> => {
    const email = canonicalEmail(given);
    const mac = await codeMac(email, code);
    return guessCode(ctx, email, () => addresses.verifyByCode(ctx, email, mac));
  };

  return async (ctx: RequestContext, proof: EmailProof): Promise<void> => {
    const outcome =
      'token' in proof ? await byToken(ctx, proof.token) : await byCode(ctx, proof.email, proof.code);
    if (outcome.kind === 'void') throw new AppError('token_invalid');
    if (outcome.kind === 'email_taken') throw new AppError('email_taken');
    ctx.defer('forgive failed logins', guard.forgive(identifiersOf(outcome)));
  };
};

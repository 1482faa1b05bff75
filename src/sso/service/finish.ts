import type { PrepareToken } from '../../emails/rules.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import {
  type IssuedTokens,
  type IssueTokens,
  newSession,
  type SessionPolicy,
} from '../../sessions/rules/session.ts';
import type { Attempt, IdentityProvider, ProvidedIdentity } from '../rules/identity.ts';
import type { Decision, IdentityRepository } from '../sql/identities.ts';

export type SignOnAnswer = {
  readonly providerId: string;
  /** What the browser has kept; null where it has nothing. */
  readonly sealed: string | null;
  readonly answer: URLSearchParams;
};

export type SignedOn = { readonly tokens: IssuedTokens; readonly returnTo: string };

type Deps = {
  readonly providers: ReadonlyMap<string, IdentityProvider>;
  readonly openAttempt: (
    sealed: string,
    answered: { readonly provider: string; readonly state: string },
    now: Date,
  ) => Promise<Attempt | null>;
  readonly identities: Pick<IdentityRepository, 'signOn'>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly verification: 'off' | 'optional' | 'required';
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly newId: (now: Date) => string;
  readonly metrics: Metrics;
};

/** Why there is no session, in the words of who reads it; they name the provider, whom the person knows. */
const refusalOf = (kind: Exclude<Decision, 'known' | 'created' | 'linked'>, name: string): AppError => {
  switch (kind) {
    case 'account_disabled':
      return new AppError('account_disabled');
    case 'email_not_verified':
      return new AppError('email_not_verified', {
        detail:
          'Your e-mail address has to be confirmed first. Choose “Forgot your password?”: the link that we send you confirms it.',
      });
    case 'not_trusted':
      return new AppError('email_not_verified', {
        detail: `${name} does not confirm that your e-mail address is yours, and an account here needs a confirmed one. Confirm it there, or sign up with a password.`,
      });
    case 'no_email':
      return new AppError('oauth_failed', {
        detail: `${name} has not told us your e-mail address, and an account needs one. Allow it there, or sign up with a password.`,
      });
    case 'not_vouched':
      return new AppError('email_taken', {
        detail: `There is an account with your e-mail address, and ${name} does not confirm that the address is yours. Log in with your password instead.`,
      });
    case 'not_proved':
      return new AppError('email_taken', {
        detail: `There is an account with your e-mail address, and nobody has confirmed the address yet. Choose “Forgot your password?”: the link that we send you confirms it, and from then on you can log in with ${name}.`,
      });
    case 'reserved':
      return new AppError('email_taken', {
        detail:
          'An account had your e-mail address until a few days ago, and can still get it back. If that account is yours, open the link in our message about the change; otherwise try again after seven days.',
      });
  }
};

/**
 * Logs in who comes back from a provider, or makes their account. An answer that this browser has not asked for is
 * refused before anything is asked or written (RFC 9700 section 2.1.1).
 * @throws AppError `not_found`, `oauth_failed`, `account_disabled`, `email_not_verified`, `email_taken`, `service_unavailable`
 */
export const createFinishSignOn = (deps: Deps) => {
  const { providers, openAttempt, identities, issueTokens, sessionPolicy, mailQueue, newId, metrics } = deps;

  /** Who it is. */
  const identify = async (
    ctx: RequestContext,
    provider: IdentityProvider,
    answer: URLSearchParams,
    attempt: Attempt,
  ): Promise<ProvidedIdentity> => {
    const identified = await provider.identify(ctx, answer, attempt);
    switch (identified.kind) {
      case 'identified':
        return identified.identity;
      case 'denied':
        throw new AppError('oauth_failed', {
          detail: `${provider.name} was not allowed to tell us who you are, so nothing was done.`,
        });
      case 'failed':
        ctx.log.warn('single sign-on failed', { provider: provider.id, reason: identified.reason });
        throw new AppError('oauth_failed');
    }
  };

  const signOn = async (ctx: RequestContext, provider: IdentityProvider, identity: ProvidedIdentity) => {
    const mustProve = deps.verification === 'optional' && !identity.emailVerified && identity.email !== null;
    const verification = mustProve ? await deps.prepareToken(ctx.now, identity.email) : null;
    const [deviceMailId, noticeId] = [newId(ctx.now), newId(ctx.now)];
    const session = newSession(newId(ctx.now), '', sessionPolicy, ctx.now);
    const { kind, opened, isMailed } = await identities.signOn(ctx, {
      identity,
      provider,
      session,
      verification,
      deviceMailId,
      noticeId,
    });
    const mails = [
      ...(opened?.isNewDevice ? [deviceMailId] : []),
      ...(isMailed ? [noticeId, ...(verification ? [verification.outboxId] : [])] : []),
    ];
    if (mails.length > 0) ctx.defer('hand a mail over', mailQueue.enqueue(mails));
    if (kind !== 'known' && kind !== 'created' && kind !== 'linked') throw refusalOf(kind, provider.name);
    if (!opened) throw new AppError('account_disabled');
    return { kind, tokens: await issueTokens(opened, ctx.now) };
  };

  return async (ctx: RequestContext, { providerId, sealed, answer }: SignOnAnswer): Promise<SignedOn> => {
    const provider = providers.get(providerId);
    if (!provider) throw new AppError('not_found');
    const counted = (outcome: string) =>
      metrics.count('itsor_oauth_total', { provider: provider.id, outcome });
    try {
      const answered = { provider: provider.id, state: answer.get('state') ?? '' };
      const attempt = sealed && (await openAttempt(sealed, answered, ctx.now));
      if (!attempt) {
        throw new AppError('oauth_failed', {
          detail: 'This login was not begun in this browser, or too long ago. Start it again.',
        });
      }
      const { kind, tokens } = await signOn(ctx, provider, await identify(ctx, provider, answer, attempt));
      counted(kind);
      return { tokens, returnTo: attempt.returnTo };
    } catch (error) {
      counted(error instanceof AppError ? error.code : 'internal_error');
      throw error;
    }
  };
};

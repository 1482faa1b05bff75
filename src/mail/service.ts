import type { Worked } from '../agenda/rules.ts';
import type { Container } from '../container.ts';
import { codePolicy, type TokenPurpose, tokenTtlSeconds } from '../emails/rules.ts';
import type { Config } from '../platform/config/schema.ts';
import type { RequestContext } from '../platform/context.ts';
import { createMacKeys } from '../platform/crypto/derived-keys.ts';
import type { DeliveryOutcome, MailMessage } from '../platform/rules/mail.ts';
import { named } from '../platform/rules/sliding-window.ts';
import { secondsAfter } from '../sessions/rules/session.ts';
import { budgetOwnerOf, budgetUnavailable, isUncounted, mailPolicies } from './rules/mail-budget.ts';
import { createLinks, renderMessage } from './rules/messages.ts';
import type { ClaimedMail, OutboxMail, SentMail } from './rules/outbox.ts';
import { deliveryLimitsMs, type HeldBack, type Settlement, settlementOf } from './rules/outbox-schedule.ts';
import { createOutboxSql } from './sql/outbox.ts';

type Parts = Pick<
  Container,
  'clock' | 'db' | 'limiter' | 'log' | 'mailer' | 'metrics' | 'oneTimeTokens' | 'random' | 'secretKeys'
> & { readonly config: Pick<Config, 'email' | 'origins'> };

/** A Worker may have six connections open at once, and one run has time for sixty mails. */
const sweepLimits = { parallel: 6, mails: 60, databaseMs: 10_000 } as const;
const mailboxSize = 50;

export type Mail = ReturnType<typeof createMail>;

/** The work on the outbox. The flows of other features write its rows. */
export const createMail = (
  { clock, config, db, limiter, log, mailer, metrics, oneTimeTokens, random, secretKeys }: Parts,
  outbox = createOutboxSql({ db }),
) => {
  const { recipientBudget, provider } = config.email;
  const links = createLinks(config.origins.appUrl);
  const { sign: pseudonymOf } = createMacKeys(secretKeys, 'mail-recipient');
  const scope = (limitMs: number) => ({ now: clock(), signal: AbortSignal.timeout(limitMs) });

  /**
   * Renders a mail. Its token and code are derived here; no row holds them.
   * @returns null where the link of the mail has expired at that instant
   */
  const render = async (mail: OutboxMail, at: Date): Promise<MailMessage | null> => {
    const isLive = (ttlSeconds: number) => at < secondsAfter(mail.createdAt, ttlSeconds);
    const messageWith = (link: string, code: string | null = null): MailMessage => ({
      id: mail.id,
      to: mail.recipient,
      ...renderMessage(mail, { happenedAt: mail.createdAt, link, code }),
    });
    const messageOfToken = async (
      id: string,
      purpose: TokenPurpose,
      linkTo: (token: string) => string,
      code: string | null = null,
    ): Promise<MailMessage | null> =>
      isLive(tokenTtlSeconds[purpose])
        ? messageWith(linkTo(await oneTimeTokens.token(id, purpose)), code)
        : null;

    switch (mail.template) {
      case 'verify_email': {
        const { token_id: id } = mail.details;
        const code = isLive(codePolicy.ttlSeconds) ? await oneTimeTokens.code(id) : null;
        return messageOfToken(id, 'verify_email', links.verifyEmail, code);
      }
      case 'verify_new_email':
        return messageOfToken(mail.details.token_id, 'change_email', links.verifyEmail);
      case 'reset_password':
        return messageOfToken(mail.details.token_id, 'reset_password', links.resetPassword);
      case 'invitation':
        return messageOfToken(mail.details.token_id, 'invitation', links.resetPassword);
      case 'email_changed': {
        // The owner must learn of the change even after the link has expired.
        const { token_id: id } = mail.details;
        if (id === undefined) return messageWith(links.account());
        return messageWith(links.restoreEmail(await oneTimeTokens.token(id, 'restore_email')));
      }
      case 'account_deleted':
      case 'account_exists':
      case 'address_reserved':
      case 'codes_locked':
      case 'email_change_requested':
      case 'email_restored':
      case 'identity_linked':
      case 'password_changed':
      case 'new_sign_in':
        return messageWith(links.account());
    }
  };

  /**
   * Takes a mail from the budget of its mailbox (docs/adr/0022). The counts are no rows, so that deleting an account
   * does not reset them. Rejects when the counts cannot be reached.
   */
  const withdraw = async (mail: ClaimedMail): Promise<HeldBack | null> => {
    if (!isUncounted(mail.lastError)) return null;
    const key = await pseudonymOf(budgetOwnerOf(mail));
    for (const policy of mailPolicies(recipientBudget, mail)) {
      const { admitted } = await limiter.hit(policy, named(key), clock());
      if (!admitted) return { kind: 'held_back', policy: policy.name };
    }
    return null;
  };

  /** Puts a mail off while its budget is unknown: a limiter that is down must not lift the limit. */
  const askBudget = (mail: ClaimedMail): Promise<HeldBack | DeliveryOutcome | null> => {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const limit = AbortSignal.timeout(deliveryLimitsMs.budget);
    limit.addEventListener('abort', () => reject(limit.reason), { once: true });
    return Promise.race([withdraw(mail), tooLate]).catch((error: unknown) => {
      log.error('the budget of a mailbox cannot be reached', { outbox_id: mail.id, error });
      return { kind: 'retry', reason: budgetUnavailable };
    });
  };

  const send = async (mail: ClaimedMail): Promise<DeliveryOutcome | HeldBack> => {
    const message = await render(mail, clock());
    if (!message) return { kind: 'refused', reason: 'expired' };
    return (await askBudget(mail)) ?? mailer.send(message, AbortSignal.timeout(deliveryLimitsMs.send));
  };

  const logSettlement = ({ id, template, attempts }: ClaimedMail, settlement: Settlement): void => {
    const facts = { outbox_id: id, template, attempts };
    switch (settlement.kind) {
      case 'sent':
        log.info('mail sent', facts);
        break;
      case 'held_back':
        // Without the address: operators learn that a mailbox is flooded, but not which one.
        log.warn('mail held back', { ...facts, policy: settlement.policy });
        break;
      case 'postponed':
      case 'again':
        log.warn('mail delayed', {
          ...facts,
          reason: settlement.reason,
          retry_in_seconds: settlement.afterSeconds,
        });
        break;
      case 'failed':
        metrics.count('itsor_dead_letters_total', { kind: 'mail' });
        log.error('mail dead letter', { ...facts, reason: settlement.reason });
    }
  };

  /**
   * Makes one attempt to send a mail, unless it is sent, given up, or under way elsewhere. Delivery is at least once: if
   * the outcome cannot be written, the mail goes out again with the same id, by which the provider may recognise it.
   * @throws AppError `service_unavailable` or `timeout` of the database; the mail is due again when its lease ends
   */
  const deliver = async (id: string): Promise<Worked> => {
    const mail = await outbox.claim(scope(deliveryLimitsMs.claim), id);
    // Another delivery may be under way.
    if (!mail) return { kind: 'done' };
    const outcome = await send(mail);
    const ageSeconds = (clock().getTime() - mail.createdAt.getTime()) / 1000;
    const settlement = settlementOf(outcome, { attempts: mail.attempts, ageSeconds, random: random() });
    await outbox.settle(scope(deliveryLimitsMs.settle), mail, settlement);

    const isDelayed = settlement.kind === 'again' || settlement.kind === 'postponed';
    metrics.count('itsor_mails_total', { outcome: isDelayed ? 'delayed' : settlement.kind });
    logSettlement(mail, settlement);
    return isDelayed
      ? { kind: 'again', afterSeconds: settlement.afterSeconds }
      : { kind: 'done', next: null };
  };

  /** Delivers mails that the queue has lost or cannot hold, gives up abandoned mails, and deletes old ones. */
  const sweep = async (): Promise<void> => {
    for (const id of await outbox.tidy(scope(sweepLimits.databaseMs))) {
      metrics.count('itsor_dead_letters_total', { kind: 'mail' });
      log.error('mail dead letter', { outbox_id: id, reason: 'abandoned' });
    }

    const waiting = await outbox.due(scope(sweepLimits.databaseMs), sweepLimits.mails);
    const deliverNext = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
        await deliver(id).catch((error: unknown) => log.error('mail delivery', { outbox_id: id, error }));
      }
    };
    await Promise.all(Array.from({ length: sweepLimits.parallel }, deliverNext));
  };

  /** The captured mails, newest first, each rendered as of the time when it was sent. */
  const mailbox = async (
    ctx: RequestContext,
    which: { readonly to: string | null; readonly after: Date | null },
  ): Promise<SentMail[]> => {
    const items = (await outbox.recent(ctx, mailboxSize, which)).map(async (mail) => {
      const sentAt = mail.sentAt ?? ctx.now;
      const message = await render(mail, sentAt);
      return message ? [{ ...message, sentAt }] : [];
    });
    return (await Promise.all(items)).flat();
  };

  // The configuration refuses the provider `capture` when it is strict, so only local environments have a mailbox.
  return { deliver, sweep, mailbox: provider.kind === 'capture' ? mailbox : null };
};

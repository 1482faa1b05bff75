import type { Logger } from '../../platform/context.ts';
import type { DeliveryOutcome, Mailer } from '../../platform/rules/mail.ts';
import type { Metrics } from '../../platform/rules/metrics.ts';
import { budgetUnavailable } from '../rules/mail-budget.ts';
import type { ClaimedMail } from '../rules/outbox.ts';
import { type HeldBack, settlementOf } from '../rules/outbox-schedule.ts';
import type { OutboxRepository } from '../sql/outbox.ts';
import type { Withdrawal, WithdrawMail } from './budget.ts';
import type { RenderMail } from './render.ts';

/** Together they are shorter than the first lease, so that no second delivery begins beside a slow one. */
export const deliveryLimitsMs = { claim: 10_000, budget: 5_000, send: 15_000, settle: 10_000 } as const;

/** What is left to do: nothing, or another attempt. */
export type Delivered = { readonly kind: 'done' } | { readonly kind: 'again'; readonly afterSeconds: number };

type Deps = {
  readonly outbox: Pick<OutboxRepository, 'claim' | 'settle'>;
  readonly render: RenderMail;
  readonly withdraw: WithdrawMail;
  readonly mailer: Mailer;
  readonly clock: () => Date;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
};

export type Deliver = ReturnType<typeof createDeliver>;

/**
 * Makes one attempt to send a mail, unless it is sent, given up, or under way elsewhere. At least once: the mail goes
 * out a second time if its outcome cannot be written, with the same id, by which the provider may know it.
 * @throws AppError `service_unavailable` or `timeout` of the database; the lease then brings the mail back
 */
export const createDeliver = ({ outbox, render, withdraw, mailer, clock, log, metrics }: Deps) => {
  const scope = (limitMs: number) => ({ now: clock(), signal: AbortSignal.timeout(limitMs) });

  /** A mailbox whose budget is not known gets nothing yet, as else a broken limiter would be a way around it. */
  const askBudget = (mail: ClaimedMail): Promise<Withdrawal | { readonly kind: 'unknown' }> => {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const limit = AbortSignal.timeout(deliveryLimitsMs.budget);
    limit.addEventListener('abort', () => reject(limit.reason), { once: true });
    return Promise.race([withdraw(mail, clock()), tooLate]).catch((error: unknown) => {
      log.error('the budget of a mailbox cannot be reached', { outbox_id: mail.id, error });
      return { kind: 'unknown' };
    });
  };

  const send = async (mail: ClaimedMail): Promise<DeliveryOutcome | HeldBack> => {
    const message = await render(mail, clock());
    if (!message) return { kind: 'refused', reason: 'expired' };
    const withdrawal = await askBudget(mail);
    if (withdrawal.kind === 'unknown') return { kind: 'retry', reason: budgetUnavailable };
    if (withdrawal.kind === 'over') return { kind: 'held_back', policy: withdrawal.policy };
    return mailer.send(message, AbortSignal.timeout(deliveryLimitsMs.send));
  };

  return async (id: string): Promise<Delivered> => {
    const mail = await outbox.claim(scope(deliveryLimitsMs.claim), id);
    if (!mail) return { kind: 'done' };
    const outcome = await send(mail);
    const settlement = settlementOf(outcome, mail.attempts);
    await outbox.settle(scope(deliveryLimitsMs.settle), mail, settlement);

    metrics.count('itsor_mails_total', {
      outcome: settlement.kind === 'again' ? 'delayed' : settlement.kind,
    });
    const facts = { outbox_id: id, template: mail.template, attempts: mail.attempts };
    switch (settlement.kind) {
      case 'sent':
        log.info('mail sent', facts);
        return { kind: 'done' };
      case 'held_back':
        // Without the address: operators learn that a mailbox is being flooded, and not whose.
        log.warn('mail held back', { ...facts, policy: settlement.policy });
        return { kind: 'done' };
      case 'again':
        log.warn('mail delayed', {
          ...facts,
          reason: settlement.reason,
          retry_in_seconds: settlement.afterSeconds,
        });
        return settlement;
      case 'failed':
        metrics.count('itsor_dead_letters_total', { kind: 'mail' });
        log.error('mail dead letter', { ...facts, reason: settlement.reason });
        return { kind: 'done' };
    }
  };
};

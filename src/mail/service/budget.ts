import { named, type RateLimiter } from '../../platform/rules/sliding-window.ts';
import { budgetOwnerOf, isUncounted, type MailBudget, mailPolicies } from '../rules/mail-budget.ts';
import type { ClaimedMail } from '../rules/outbox.ts';

type Deps = {
  readonly limiter: RateLimiter;
  /** A name for the owner of a budget that tells nobody which it is. */
  readonly pseudonym: (budgetOwner: string) => Promise<string>;
  readonly budget: MailBudget;
};

export type Withdrawal = { readonly kind: 'granted' } | { readonly kind: 'over'; readonly policy: string };

export type WithdrawMail = ReturnType<typeof createWithdrawMail>;

/**
 * Takes a mail from the budget of its mailbox (docs/adr/0022). The counts are no rows, so that neither the deletion of
 * an account nor a new one resets them. Rejects when they cannot be reached.
 */
export const createWithdrawMail =
  ({ limiter, pseudonym, budget }: Deps) =>
  async (mail: ClaimedMail, now: Date): Promise<Withdrawal> => {
    if (!isUncounted(mail.lastError)) return { kind: 'granted' };
    const key = await pseudonym(budgetOwnerOf(mail));
    for (const policy of mailPolicies(budget, mail)) {
      const { admitted } = await limiter.hit(policy, named(key), now);
      if (!admitted) return { kind: 'over', policy: policy.name };
    }
    return { kind: 'granted' };
  };

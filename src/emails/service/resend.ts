import { canonicalEmail } from '../../accounts/rules/account.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { PrepareToken } from '../rules.ts';
import type { EmailAddressRepository } from '../sql/email-addresses.ts';

type Deps = {
  readonly addresses: Pick<EmailAddressRepository, 'resend'>;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly verification: 'off' | 'optional' | 'required';
};

/** Sends another verification mail to an address that waits for one, where any does; tells nobody whether it does. */
export const createResendVerification =
  ({ addresses, prepareToken, mailQueue, verification }: Deps) =>
  async (ctx: RequestContext, given: string): Promise<void> => {
    if (verification === 'off') return;
    const email = canonicalEmail(given);
    const token = await prepareToken(ctx.now, email);
    await addresses.resend(ctx, email, token);
    ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
  };

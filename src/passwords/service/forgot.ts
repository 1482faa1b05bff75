import { canonicalEmail } from '../../accounts/rules/account.ts';
import type { PrepareToken } from '../../emails/rules.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { CredentialRepository } from '../sql.ts';

type Deps = {
  readonly credentials: Pick<CredentialRepository, 'forget'>;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
};

/** Mails a reset link to an address that has an account; tells nobody whether it has (OWASP ASVS 5.0, 6.3.8). */
export const createForgotPassword =
  ({ credentials, prepareToken, mailQueue }: Deps) =>
  async (ctx: RequestContext, given: string): Promise<void> => {
    const token = await prepareToken(ctx.now, null);
    await credentials.forget(ctx, canonicalEmail(given), token);
    ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
  };

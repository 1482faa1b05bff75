import { codePolicy, type TokenPurpose, tokenTtlSeconds } from '../../emails/rules.ts';
import type { MailMessage } from '../../platform/rules/mail.ts';
import { secondsAfter } from '../../sessions/rules/session.ts';
import type { MailLinks } from '../rules/links.ts';
import { renderMessage } from '../rules/messages.ts';
import type { OutboxMail } from '../rules/outbox.ts';

type Deps = {
  readonly tokens: {
    readonly token: (id: string, purpose: TokenPurpose) => Promise<string>;
    readonly code: (id: string) => Promise<string>;
  };
  readonly links: MailLinks;
};

export type RenderMail = ReturnType<typeof createRenderMail>;

/**
 * Makes the message of an outbox row, its token and code included: they are derived here and are nowhere else.
 * @returns null where the link that the message is for has expired at that instant
 */
export const createRenderMail =
  ({ tokens, links }: Deps) =>
  async (mail: OutboxMail, at: Date): Promise<MailMessage | null> => {
    const livesFor = (ttlSeconds: number) => at < secondsAfter(mail.createdAt, ttlSeconds);

    const render = async (link: string, code: string | null = null): Promise<MailMessage> => ({
      id: mail.id,
      to: mail.recipient,
      ...renderMessage(mail, { happenedAt: mail.createdAt, link, code }),
    });

    switch (mail.template) {
      case 'verify_email': {
        if (!livesFor(tokenTtlSeconds.verify_email)) return null;
        const { token_id: id } = mail.details;
        const code = livesFor(codePolicy.ttlSeconds) ? await tokens.code(id) : null;
        return render(links.verifyEmail(await tokens.token(id, 'verify_email')), code);
      }
      case 'verify_new_email':
        if (!livesFor(tokenTtlSeconds.change_email)) return null;
        return render(links.verifyEmail(await tokens.token(mail.details.token_id, 'change_email')));
      case 'reset_password':
        if (!livesFor(tokenTtlSeconds.reset_password)) return null;
        return render(links.resetPassword(await tokens.token(mail.details.token_id, 'reset_password')));
      case 'invitation':
        if (!livesFor(tokenTtlSeconds.invitation)) return null;
        return render(links.resetPassword(await tokens.token(mail.details.token_id, 'invitation')));
      // Its news are worth sending even after the link.
      case 'email_changed': {
        const { token_id: id } = mail.details;
        return render(
          id === undefined ? links.account() : links.restoreEmail(await tokens.token(id, 'restore_email')),
        );
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
        return render(links.account());
    }
  };

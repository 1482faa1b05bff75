import type { EmailProviderConfig } from '../config/email.ts';
import type { Transport } from './bounded-mailer.ts';
import { parseMailbox } from './mailbox.ts';
import { composeMessage } from './mime-message.ts';
import { openSmtpConnection, type SmtpSecurity } from './smtp-connection.ts';
import { SmtpFailure } from './smtp-failure.ts';
import { submitMail } from './smtp-session.ts';

type Options = Extract<EmailProviderConfig, { kind: 'gmail' }>;

/** TLS from the first byte on port 465 (RFC 8314 section 3.3), STARTTLS on any other; never in clear. */
export const smtpSecurity = (port: number): SmtpSecurity => (port === 465 ? 'implicit-tls' : 'starttls');

/**
 * Submission to an SMTP server (RFC 6409) by a client of our own; docs/adr/0006-smtp.md says why.
 * The Message-ID comes from the outbox id: receivers can recognise a second attempt as the same mail.
 */
export const createSmtpTransport = (
  { user, password, host, port }: Options,
  clock: () => Date,
  security = smtpSecurity(port),
): Transport => {
  const domain = user.slice(user.lastIndexOf('@') + 1);

  return async ({ id, to, subject, text, html }, signal) => {
    const recipient = parseMailbox(to);
    if (!recipient) return { kind: 'refused', reason: 'invalid recipient' };
    const messageId = `${id}@${domain}`;
    const from = { name: null, address: user };
    const content = composeMessage({ messageId, date: clock(), from, to: recipient, subject, text, html });

    const connection = openSmtpConnection({ host, port, security }, signal);
    try {
      await submitMail(connection, {
        security,
        login: { user, password: password.reveal() },
        sender: user,
        recipient: recipient.address,
        content,
      });
      return { kind: 'sent', providerId: messageId };
    } catch (error) {
      if (error instanceof SmtpFailure) return error.outcome;
      throw error;
    } finally {
      connection.close();
    }
  };
};

import type { EmailProviderConfig } from '../config/email.ts';
import type { Logger } from '../context.ts';
import type { Mailer } from '../rules/mail.ts';
import { createResendTransport } from './resend.ts';
import { createSesTransport } from './ses.ts';
import { createSmtpTransport } from './smtp.ts';
import { createBoundedMailer, type HttpClient, type Transport } from './transport.ts';

type Options = HttpClient & { readonly log: Logger; readonly timeoutMs?: number };

/**
 * For local work: the log leads to the mail in the mailbox, and has neither its link nor its code. The configuration
 * refuses this provider when it is strict.
 */
const createCaptureTransport =
  (log: Logger, mailboxUrl: string): Transport =>
  async ({ id, subject }) => {
    log.info('mail', { outbox_id: id, subject, read_it_at: `${mailboxUrl}#${id}` });
    return { kind: 'sent', providerId: null };
  };

const createTransport = (provider: EmailProviderConfig, { log, ...client }: Options): Transport => {
  switch (provider.kind) {
    case 'resend':
      return createResendTransport(provider, client);
    case 'ses':
      return createSesTransport(provider, client);
    case 'gmail':
      return createSmtpTransport(provider, client.clock);
    case 'capture':
      return createCaptureTransport(log, provider.mailboxUrl);
  }
};

/** The mailer of the configured provider; `timeoutMs` limits one attempt. */
export const createMailer = (provider: EmailProviderConfig, options: Options): Mailer =>
  createBoundedMailer(createTransport(provider, options), options.timeoutMs ?? 10_000);

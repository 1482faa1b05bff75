import type { EmailProviderConfig } from '../config/email.ts';
import type { Logger } from '../context.ts';
import type { Mailer } from '../rules/mail.ts';
import { createBoundedMailer, type Outside, type Transport } from './bounded-mailer.ts';
import { createCaptureTransport } from './capture.ts';
import { createResendTransport } from './resend.ts';
import { createSesTransport } from './ses.ts';
import { createSmtpTransport } from './smtp.ts';

type Deps = Outside & { readonly log: Logger; readonly timeoutMs?: number };

const createTransport = (provider: EmailProviderConfig, { log, ...outside }: Deps): Transport => {
  switch (provider.kind) {
    case 'resend':
      return createResendTransport(provider, outside);
    case 'ses':
      return createSesTransport(provider, outside);
    case 'gmail':
      return createSmtpTransport(provider, outside.clock);
    case 'capture':
      return createCaptureTransport(log);
  }
};

/** The provider that the configuration names. */
export const createMailer = (provider: EmailProviderConfig, deps: Deps): Mailer =>
  createBoundedMailer(createTransport(provider, deps), deps.timeoutMs ?? 10_000);

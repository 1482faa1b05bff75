import type { Logger } from '../context.ts';
import type { Transport } from './bounded-mailer.ts';

/** For local work: nothing leaves, and the developer reads the mail in the log. The configuration refuses it when strict. */
export const createCaptureTransport =
  (log: Logger): Transport =>
  async ({ to, subject, text }) => {
    log.info('mail', { to, subject, text });
    return { kind: 'sent', providerId: null };
  };

import type { DeliveryOutcome } from '../rules/mail.ts';

/** The lines of one reply of the server share its code (RFC 5321 section 4.2). */
export type SmtpReply = { readonly code: number; readonly lines: readonly string[] };

/** How far the session is: what it waits for a reply to. */
export type SmtpStage = 'greeting' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'content';

/** Ends the session with what it means for the message. */
export class SmtpFailure extends Error {
  readonly outcome: DeliveryOutcome;

  constructor(outcome: DeliveryOutcome) {
    super('the SMTP session failed');
    this.name = 'SmtpFailure';
    this.outcome = outcome;
  }
}

// Until the recipient is named, a server can only refuse us.
const aboutTheMessage: ReadonlySet<SmtpStage> = new Set(['RCPT', 'DATA', 'content']);
// Commands it does not know (RFC 5321 section 4.2.2), and wrong or missing credentials (RFC 4954 section 6).
const aboutUs: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538]);
// RFC 3463 section 3.5: congestion. Gmail says so, with 550, of an account that has used up its day.
const congested = '5.4.5';

/** What a reply that does not let the session go on means for the message. */
export const outcomeOfReply = (stage: SmtpStage, { code, lines }: SmtpReply): DeliveryOutcome => {
  const enhancedStatus = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(lines[0] ?? '')?.[0];
  const reason = ['smtp', stage, code, enhancedStatus].filter(Boolean).join(' ');
  const isPermanent = code >= 500 && code < 600 && !aboutUs.has(code) && enhancedStatus !== congested;
  return { kind: isPermanent && aboutTheMessage.has(stage) ? 'refused' : 'retry', reason };
};

export const retryFailure = (reason: string): SmtpFailure => new SmtpFailure({ kind: 'retry', reason });

/** A rendered message to one person. */
export type MailMessage = {
  /** The id of the outbox row. Every attempt has the same id, so that a repeated attempt can be recognised. */
  readonly id: string;
  /** An address, or a name and the address in angle brackets. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

/**
 * The outcome of one attempt. `retryAfterSeconds`: the provider asks for this wait, as one that is sent too many mails
 * at once does. `refused`: the provider will never accept this message. Failures of our account, the
 * provider or the moment are `retry`, so that an outage or an operator's mistake loses no mail.
 * A `reason` is stable words and status codes: never an address, a subject, a token or a secret.
 */
export type DeliveryOutcome =
  | { readonly kind: 'sent'; readonly providerId: string | null }
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfterSeconds?: number }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Mailer {
  /** Makes one attempt. Never throws, and returns within the mailer's own time limit. */
  send(message: MailMessage, signal: AbortSignal): Promise<DeliveryOutcome>;
}

/** A rendered message to one person. */
export type MailMessage = {
  /** The outbox row. Every attempt carries the same id, so that a second one can be recognised. */
  readonly id: string;
  /** An address, or a name and the address in angle brackets. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

/**
 * What became of one attempt. `refused`: this message will never be taken. Whatever is about our account,
 * the provider or the moment is `retry`, so that no outage and no operator's mistake loses a mail.
 * A `reason` is stable words and status codes: never an address, a subject, a token or a secret.
 */
export type DeliveryOutcome =
  | { readonly kind: 'sent'; readonly providerId: string | null }
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfterSeconds?: number }
  | { readonly kind: 'refused'; readonly reason: string };

export interface Mailer {
  /** Makes one attempt. Never throws, and comes back within the mailer's own time limit. */
  send(message: MailMessage, signal: AbortSignal): Promise<DeliveryOutcome>;
}

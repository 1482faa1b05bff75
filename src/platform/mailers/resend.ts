import * as z from 'zod';
import type { EmailProviderConfig } from '../config/email.ts';
import type { DeliveryOutcome } from '../rules/mail.ts';
import type { Outside, Transport } from './bounded-mailer.ts';
import { askProvider, type ProviderAnswer, readRetryAfter } from './provider-answer.ts';

type Options = Extract<EmailProviderConfig, { kind: 'resend' }>;

const Accepted = z.object({ id: z.string() });
/** A name of the error reference; whatever else stands there stays out of logs. */
const Failure = z.object({ name: z.string().regex(/^[a-z_]{1,64}$/) });

/** Of 4xx, what is about our key, our domain, the endpoint or the moment; the rest is about the message. */
const notTheMessage: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 408, 409, 425, 429]);

const outcomeOf = ({ status, headers, body }: ProviderAnswer, now: Date): DeliveryOutcome => {
  const accepted = Accepted.safeParse(body);
  if (status >= 200 && status < 300 && accepted.success)
    return { kind: 'sent', providerId: accepted.data.id };

  const name = Failure.safeParse(body).data?.name;
  // This id was sent before, rendered otherwise, say by the release before this one.
  if (name === 'invalid_idempotent_request') return { kind: 'sent', providerId: null };

  const reason = ['resend', status, name].filter(Boolean).join(' ');
  const isClientError = status >= 400 && status < 500;
  const isRefusal = isClientError && !notTheMessage.has(status) && name !== 'invalid_from_address';
  if (isRefusal) return { kind: 'refused', reason };
  return { kind: 'retry', reason, ...readRetryAfter(headers, now) };
};

/**
 * Resend's HTTP API. The outbox id is the idempotency key: for 24 hours a second attempt sends no second mail.
 * @see https://resend.com/docs/api-reference/emails/send-email
 */
export const createResendTransport =
  ({ apiKey, from }: Options, { clock, fetch }: Outside): Transport =>
  async ({ id, to, subject, text, html }, signal) => {
    const request = new Request('https://api.resend.com/emails', {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${apiKey.reveal()}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': id,
        // Resend answers 403 without one, and workerd sends none of its own.
        'User-Agent': 'itsor',
      },
      body: JSON.stringify({ from, to: [to], subject, text, html }),
      // The key goes to this host and to no other.
      redirect: 'manual',
      signal,
    });
    const answer = await askProvider(fetch, request);
    return answer ? outcomeOf(answer, clock()) : { kind: 'retry', reason: 'connection failed' };
  };

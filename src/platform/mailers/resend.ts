import * as z from 'zod';
import type { EmailProviderConfig } from '../config/email.ts';
import type { DeliveryOutcome } from '../rules/mail.ts';
import { askProvider, type HttpClient, type ProviderAnswer, type Transport } from './transport.ts';

type Options = Extract<EmailProviderConfig, { kind: 'resend' }>;

const Accepted = z.object({ id: z.string() });
/** A name from Resend's error reference; no other text may reach a log. */
const Failure = z.object({ name: z.string().regex(/^[a-z_]{1,64}$/) });

/** These 4xx are about our key, our domain, the endpoint or the moment; the others are about the message. */
const notTheMessage: ReadonlySet<number> = new Set([401, 402, 403, 404, 405, 408, 409, 425, 429]);

const outcomeOf = ({ status, body, retryAfter }: ProviderAnswer): DeliveryOutcome => {
  const accepted = Accepted.safeParse(body);
  if (status >= 200 && status < 300 && accepted.success)
    return { kind: 'sent', providerId: accepted.data.id };

  const name = Failure.safeParse(body).data?.name;
  // The mail was sent before under this id, with another text: an earlier release may have rendered it differently.
  if (name === 'invalid_idempotent_request') return { kind: 'sent', providerId: null };

  const reason = ['resend', status, name].filter(Boolean).join(' ');
  const isClientError = status >= 400 && status < 500;
  const isRefusal = isClientError && !notTheMessage.has(status) && name !== 'invalid_from_address';
  if (isRefusal) return { kind: 'refused', reason };
  // A quota of a day or a month is a 429 too, and no short wait helps.
  return { kind: 'retry', reason, ...(!name?.endsWith('_quota_exceeded') && retryAfter) };
};

/**
 * Resend's HTTP API. The outbox id is the idempotency key: for 24 hours a repeated attempt sends no second mail.
 * @see https://resend.com/docs/api-reference/emails/send-email
 */
export const createResendTransport =
  ({ apiKey, from }: Options, client: HttpClient): Transport =>
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
      // A redirect would send the key to another host.
      redirect: 'manual',
      signal,
    });
    return askProvider(client, request, outcomeOf);
  };

import { AwsClient } from 'aws4fetch';
import * as z from 'zod';
import type { EmailProviderConfig } from '../config/email.ts';
import type { DeliveryOutcome, MailMessage } from '../rules/mail.ts';
import { formatMailbox, parseMailbox } from './mime.ts';
import { askProvider, type HttpClient, type ProviderAnswer, type Transport } from './transport.ts';

type Options = Extract<EmailProviderConfig, { kind: 'ses' }>;

const Accepted = z.object({ MessageId: z.string() });
const Failure = z.object({ __type: z.string().default(''), message: z.string().default('') });

/** Errors about the message. All others, including many with status 400, are about the account or the moment. */
const refusals: ReadonlySet<string> = new Set(['MessageRejected', 'BadRequestException']);

/** Too many mails at once; SES sends no Retry-After, and not always the status 429. */
const throttles: ReadonlySet<string> = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  'Throttling',
]);

/** The name in `prefix#Name:url`, from the header or from the body. */
const errorName = (headers: Headers, type: string): string =>
  /^(?:[^#]*#)?([A-Za-z]{1,64})/.exec(headers.get('X-Amzn-ErrorType') ?? type)?.[1] ?? '';

const outcomeOf = ({ status, headers, body, retryAfter }: ProviderAnswer): DeliveryOutcome => {
  const accepted = Accepted.safeParse(body);
  if (status >= 200 && status < 300 && accepted.success)
    return { kind: 'sent', providerId: accepted.data.MessageId };

  const failure = Failure.safeParse(body).data;
  const name = errorName(headers, failure?.__type ?? '');
  const reason = ['ses', status, name].filter(Boolean).join(' ');
  // SES has not verified our own address, or our account is still in its sandbox.
  const isUnverified = name === 'MessageRejected' && /not verified/i.test(failure?.message ?? '');
  if (isUnverified) return { kind: 'retry', reason: `${reason} not verified` };
  if (status < 500 && refusals.has(name)) return { kind: 'refused', reason };
  return { kind: 'retry', reason, ...(throttles.has(name) && { retryAfterSeconds: 1 }), ...retryAfter };
};

/** SES accepts only ASCII here, so names are encoded-words as in a header. */
const asciiMailbox = (text: string): string => {
  const mailbox = parseMailbox(text);
  // One line: JSON has no folding.
  return mailbox ? formatMailbox(mailbox).replaceAll('\r\n', '') : text;
};

const requestBody = (from: string, { to, subject, text, html }: MailMessage): string => {
  const utf8 = (content: string) => ({ Data: content, Charset: 'UTF-8' });
  return JSON.stringify({
    FromEmailAddress: asciiMailbox(from),
    Destination: { ToAddresses: [asciiMailbox(to)] },
    Content: { Simple: { Subject: utf8(subject), Body: { Text: utf8(text), Html: utf8(html) } } },
  });
};

/**
 * Amazon SES, API v2, signed with Signature Version 4. SES has no idempotency key and replaces Message-ID:
 * an attempt whose answer was lost may have been sent, and the next one is then a second mail.
 * @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 */
export const createSesTransport = ({ aws, from }: Options, client: HttpClient): Transport => {
  const signer = new AwsClient({
    accessKeyId: aws.accessKeyId.reveal(),
    secretAccessKey: aws.secretAccessKey.reveal(),
    region: aws.region,
    service: 'ses',
  });
  const url = `https://email.${aws.region}.amazonaws.com/v2/email/outbound-emails`;

  return async (message, signal) => {
    // The client only signs: its own `fetch` would retry ten times.
    const request = await signer.sign(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: requestBody(from, message),
      redirect: 'manual',
      signal,
      aws: {
        datetime: client
          .clock()
          .toISOString()
          .replace(/[:-]|\.\d{3}/g, ''),
      },
    });
    return askProvider(client, request, outcomeOf);
  };
};

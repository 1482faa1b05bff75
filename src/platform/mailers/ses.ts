import { AwsClient } from 'aws4fetch';
import * as z from 'zod';
import type { EmailProviderConfig } from '../config/email.ts';
import type { DeliveryOutcome, MailMessage } from '../rules/mail.ts';
import type { Outside, Transport } from './bounded-mailer.ts';
import { formatMailbox, parseMailbox } from './mailbox.ts';
import { askProvider, type ProviderAnswer, readRetryAfter } from './provider-answer.ts';

type Options = Extract<EmailProviderConfig, { kind: 'ses' }>;

const Accepted = z.object({ MessageId: z.string() });
const Failure = z.object({ __type: z.string().default(''), message: z.string().default('') });

/** Few errors are about the message. The rest, many of them 400 too, is about the account or the moment. */
const refusals: ReadonlySet<string> = new Set(['MessageRejected', 'BadRequestException']);

/** `prefix#Name:url` in either place, of which Name counts. */
const errorName = (headers: Headers, type: string): string =>
  /^(?:[^#]*#)?([A-Za-z]{1,64})/.exec(headers.get('X-Amzn-ErrorType') ?? type)?.[1] ?? '';

const outcomeOf = ({ status, headers, body }: ProviderAnswer, now: Date): DeliveryOutcome => {
  const accepted = Accepted.safeParse(body);
  if (status >= 200 && status < 300 && accepted.success)
    return { kind: 'sent', providerId: accepted.data.MessageId };

  const failure = Failure.safeParse(body).data;
  const name = errorName(headers, failure?.__type ?? '');
  const reason = ['ses', status, name].filter(Boolean).join(' ');
  // Our own address is not verified there, or the account is still in the sandbox.
  const isUnverified = name === 'MessageRejected' && /not verified/i.test(failure?.message ?? '');
  if (isUnverified) return { kind: 'retry', reason: `${reason} not verified` };
  if (status < 500 && refusals.has(name)) return { kind: 'refused', reason };
  return { kind: 'retry', reason, ...readRetryAfter(headers, now) };
};

/** SES takes ASCII in addresses only; names are encoded-words there as they are in a header. */
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
export const createSesTransport = ({ aws, from }: Options, { clock, fetch }: Outside): Transport => {
  const signer = new AwsClient({
    accessKeyId: aws.accessKeyId.reveal(),
    secretAccessKey: aws.secretAccessKey.reveal(),
    region: aws.region,
    service: 'ses',
  });
  const url = `https://email.${aws.region}.amazonaws.com/v2/email/outbound-emails`;

  return async (message, signal) => {
    // Signed here and sent by ourselves: the client's own `fetch` would try ten times more.
    const request = await signer.sign(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: requestBody(from, message),
      redirect: 'manual',
      signal,
      aws: {
        datetime: clock()
          .toISOString()
          .replace(/[:-]|\.\d{3}/g, ''),
      },
    });
    const answer = await askProvider(fetch, request);
    return answer ? outcomeOf(answer, clock()) : { kind: 'retry', reason: 'connection failed' };
  };
};

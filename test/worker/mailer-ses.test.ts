import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import {
  connectionFaults,
  httpFaults,
  json,
  message,
  provideFetch,
  sendWith,
} from '../support/worker/mail-provider.ts';
import { expectedAuthorization } from '../support/worker/signature-v4.ts';

const provider = provideFetch();
const account = {
  region: 'eu-central-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const aws = {
  region: account.region,
  accessKeyId: new Secret(account.accessKeyId),
  secretAccessKey: new Secret(account.secretAccessKey),
};
const from = 'Itsor <itsor@example.com>';
const send = (given: Partial<typeof message> = {}, sender = from) =>
  sendWith({ kind: 'ses', aws, from: sender }, given);

const failure = (type: string, status: number, text = `something about ${message.to}`) =>
  json({ message: text }, status, { 'x-amzn-ErrorType': type });

const sentRequest = async (): Promise<Request> => {
  expect(provider.asked).toHaveLength(1);
  return provider.asked[0] as Request;
};

describe('a mail by SES', () => {
  it('is one POST to the region, with the body of the API reference', async () => {
    provider.answer = json({ MessageId: '0107018c-0000' });
    const outcome = await send();

    expect(outcome).toEqual({ kind: 'sent', providerId: '0107018c-0000' });
    const request = await sentRequest();
    expect([request.method, request.url, request.redirect]).toEqual([
      'POST',
      'https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails',
      'manual',
    ]);
    expect(request.headers.get('Content-Type')).toBe('application/json');
    expect(await request.json()).toEqual({
      FromEmailAddress: '"Itsor" <itsor@example.com>',
      Destination: { ToAddresses: ['ada@example.org'] },
      Content: {
        Simple: {
          Subject: { Data: message.subject, Charset: 'UTF-8' },
          Body: {
            Text: { Data: message.text, Charset: 'UTF-8' },
            Html: { Data: message.html, Charset: 'UTF-8' },
          },
        },
      },
    });
  });

  it('is signed as the AWS SDK would sign it', async () => {
    provider.answer = json({ MessageId: 'x' });
    await send();
    const request = await sentRequest();

    expect(request.headers.get('X-Amz-Date')).toBe('20261120T100000Z');
    const authorization = request.headers.get('Authorization');
    expect(authorization).toContain(`/20261120/eu-central-1/ses/aws4_request`);
    expect(authorization).toContain('host;x-amz-date');
    expect(authorization).toBe(await expectedAuthorization(request, { ...account, service: 'ses' }));
  });

  it('has another signature for another content or another key', async () => {
    provider.answer = json({ MessageId: 'x' });
    await send();
    const request = await sentRequest();
    const authorization = request.headers.get('Authorization');
    const tampered = new Request(request.clone(), { body: `${await request.clone().text()} ` });
    const otherKey = { ...account, secretAccessKey: 'another', service: 'ses' };

    expect(authorization).not.toBe(await expectedAuthorization(tampered, { ...account, service: 'ses' }));
    expect(authorization).not.toBe(await expectedAuthorization(request, otherKey));
  });

  it.each([
    ['Ünï <itsor@example.com>', '=?UTF-8?B?w5xuw68=?= <itsor@example.com>'],
    ['itsor@example.com', 'itsor@example.com'],
    ['Itsor, Inc. <itsor@example.com>', '"Itsor, Inc." <itsor@example.com>'],
  ])('names the sender %s in ASCII', async (sender, expected) => {
    provider.answer = json({ MessageId: 'x' });
    await send({}, sender);
    const request = await sentRequest();
    expect(await request.json()).toMatchObject({ FromEmailAddress: expected });
  });

  it.each(httpFaults)('is retried after %s', async (_, answer, { reason, ...hint }) => {
    provider.answer = answer;
    expect(await send()).toEqual({ kind: 'retry', reason: `ses ${reason}`, ...hint });
    expect(provider.asked).toHaveLength(1);
  });

  it.each(connectionFaults)('is retried after %s', async (_, answer, reason) => {
    provider.answer = answer;
    expect(await send()).toEqual({ kind: 'retry', reason });
  });

  it.each([
    ['TooManyRequestsException', 429],
    ['TooManyRequestsException', 400],
    ['ThrottlingException', 400],
    ['Throttling', 400],
  ])('is tried again a second after %s with %i, which is about too many at once', async (name, status) => {
    provider.answer = failure(name, status);
    expect(await send()).toEqual({ kind: 'retry', reason: `ses ${status} ${name}`, retryAfterSeconds: 1 });
  });

  it.each([
    ['LimitExceededException', 400],
    ['AccountSuspendedException', 400],
    ['SendingPausedException', 400],
    ['MailFromDomainNotVerifiedException', 400],
    ['SignatureDoesNotMatch', 403],
    ['UnrecognizedClientException', 400],
    ['NotFoundException', 404],
  ])('is tried again after %s, which is about the account', async (name, status) => {
    provider.answer = failure(name, status);
    expect(await send()).toEqual({ kind: 'retry', reason: `ses ${status} ${name}` });
  });

  it('is retried while an identity is unverified, although SES calls that a rejected message', async () => {
    const text = `Email address is not verified. The following identities failed the check: ${message.to}`;
    provider.answer = failure('MessageRejected', 400, text);
    expect(await send()).toEqual({ kind: 'retry', reason: 'ses 400 MessageRejected not verified' });
  });

  it.each([
    ['MessageRejected', 'MessageRejected'],
    ['BadRequestException', 'BadRequestException'],
    ['MessageRejected:http://internal.amazon.com/coral/com.amazonaws.ses/', 'MessageRejected'],
  ])('is refused after %s', async (type, name) => {
    provider.answer = failure(type, 400);
    expect(await send()).toEqual({ kind: 'refused', reason: `ses 400 ${name}` });
  });

  it('is refused when only the body names the error', async () => {
    provider.answer = json({ __type: 'com.amazonaws.sesv2#MessageRejected', message: 'no' }, 400);
    expect(await send()).toEqual({ kind: 'refused', reason: 'ses 400 MessageRejected' });
  });
});

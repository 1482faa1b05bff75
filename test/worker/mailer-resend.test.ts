import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import {
  connectionFaults,
  httpFaults,
  json,
  message,
  provideFetch,
  sendWith,
  text,
} from '../support/worker/mail-provider.ts';

const provider = provideFetch();
const config = { kind: 'resend', apiKey: new Secret('re_the_key'), from: 'Ünï <itsor@example.com>' } as const;
const send = (given: Partial<typeof message> = {}) => sendWith(config, given);
const failure = (name: string, statusCode: number) =>
  json({ statusCode, name, message: `something about ${message.to}` }, statusCode);

describe('a mail by Resend', () => {
  it('is one POST, with the body and the headers of the API reference', async () => {
    provider.answer = json({ id: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794' });
    const outcome = await send();

    expect(outcome).toEqual({ kind: 'sent', providerId: '49a3999c-0ce1-4ea6-ab68-afcd6dc2e794' });
    expect(provider.asked).toHaveLength(1);
    const [request] = provider.asked;
    expect([request?.method, request?.url, request?.redirect]).toEqual([
      'POST',
      'https://api.resend.com/emails',
      'manual',
    ]);
    expect(Object.fromEntries(request?.headers ?? [])).toEqual({
      authorization: 'Bearer re_the_key',
      'content-type': 'application/json',
      'idempotency-key': message.id,
      'user-agent': 'itsor',
    });
    expect(await request?.json()).toEqual({
      from: 'Ünï <itsor@example.com>',
      to: ['ada@example.org'],
      subject: message.subject,
      text: message.text,
      html: message.html,
    });
  });

  it('has the same idempotency key and body at every attempt', async () => {
    provider.answer = text('', 500);
    await send();
    await send();
    const [first, second] = provider.asked;
    expect(first?.headers.get('Idempotency-Key')).toBe(second?.headers.get('Idempotency-Key'));
    expect(await first?.text()).toBe(await second?.text());
  });

  it.each(httpFaults)('is retried after %s', async (_, answer, { reason, ...hint }) => {
    provider.answer = answer;
    expect(await send()).toEqual({ kind: 'retry', reason: `resend ${reason}`, ...hint });
    expect(provider.asked).toHaveLength(1);
  });

  it.each(connectionFaults)('is retried after %s', async (_, answer, reason) => {
    provider.answer = answer;
    expect(await send()).toEqual({ kind: 'retry', reason });
  });

  it.each([
    ['an attempt that is still under way', 'concurrent_idempotent_requests', 409],
    ['a used-up day', 'daily_quota_exceeded', 429],
    ['a key that is wrong', 'invalid_api_key', 403],
    ['a domain that is not verified', 'validation_error', 403],
    ['a sender that is wrong', 'invalid_from_address', 422],
  ])('is tried again after %s, which is not the mail’s fault', async (_, name, status) => {
    provider.answer = failure(name, status);
    expect(await send()).toEqual({ kind: 'retry', reason: `resend ${status} ${name}` });
  });

  it('counts as sent when its id was already sent with another text', async () => {
    provider.answer = failure('invalid_idempotent_request', 409);
    expect(await send()).toEqual({ kind: 'sent', providerId: null });
  });

  it.each([
    ['validation_error', 400],
    ['validation_error', 422],
    ['missing_required_field', 422],
    ['security_error', 451],
  ])('is refused after %s with %i', async (name, status) => {
    provider.answer = failure(name, status);
    expect(await send()).toEqual({ kind: 'refused', reason: `resend ${status} ${name}` });
  });

  it('gives a reason without texts of the answer that are not in the reference', async () => {
    provider.answer = json({ name: `bad address ${message.to}` }, 422);
    expect(await send()).toEqual({ kind: 'refused', reason: 'resend 422' });
  });
});

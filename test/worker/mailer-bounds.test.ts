import { describe, expect, it, vi } from 'vitest';
import type { EmailProviderConfig } from '../../src/platform/config/email.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import { smtpSecurity } from '../../src/platform/mailers/smtp.ts';
import { json, message, provideFetch, sendWith } from '../support/worker/mail-provider.ts';

const provider = provideFetch();
const resend = { kind: 'resend', apiKey: new Secret('re_key'), from: 'itsor@example.com' } as const;
const ses = {
  kind: 'ses',
  from: 'itsor@example.com',
  aws: { region: 'eu-west-1', accessKeyId: new Secret('AKIA'), secretAccessKey: new Secret('secret') },
} as const;
// Port 1: nobody answers, so that what is refused without a connection can be told from what is not.
const gmail = {
  kind: 'gmail',
  user: 'itsor@example.com',
  password: new Secret('password'),
  host: '127.0.0.1',
  port: 1,
} as const;
const mailboxUrl = 'http://localhost:3002/dev/mailbox';
const capture = { kind: 'capture', from: null, mailboxUrl } as const;
const providers: [string, EmailProviderConfig][] = [resend, ses, gmail, capture].map((config) => [
  config.kind,
  config,
]);

describe.each(providers)('every provider (%s)', (_, config) => {
  it.each([
    ['a line end in the subject', { subject: 'Hello\r\nBcc: eve@example.net' }, 'invalid subject'],
    ['a NUL in the subject', { subject: 'Hello\0' }, 'invalid subject'],
    ['a line end after the address', { to: 'ada@example.org\r\nBcc: eve@example.net' }, 'invalid recipient'],
    ['a line feed at the end of the address', { to: 'ada@example.org\n' }, 'invalid recipient'],
    ['a line end in the name', { to: 'Ada\nBcc: eve@example.net <ada@example.org>' }, 'invalid recipient'],
    ['two recipients', { to: 'ada@example.org,eve@example.net' }, 'invalid recipient'],
    ['two recipients in brackets', { to: '<ada@example.org><eve@example.net>' }, 'invalid recipient'],
    ['an address in another script', { to: 'ädä@example.org' }, 'invalid recipient'],
    ['no address', { to: '' }, 'invalid recipient'],
    ['an address without end', { to: `ada@${'a.'.repeat(126)}example` }, 'invalid recipient'],
    ['a line end in the id', { id: 'x\r\nX-Other: y' }, 'invalid id'],
  ])('refuses %s before anything leaves', async (_name, given, reason) => {
    expect(await sendWith(config, given)).toEqual({ kind: 'refused', reason });
    expect(provider.asked).toEqual([]);
  });

  it('sends nothing once the caller has given up', async () => {
    const outcome = await sendWith(config, {}, { signal: AbortSignal.abort() });
    expect(outcome).toEqual({ kind: 'retry', reason: 'cancelled' });
    expect(provider.asked).toEqual([]);
  });
});

describe('a mailer', () => {
  it('stops waiting and aborts the request when the caller gives up', async () => {
    const caller = new AbortController();
    let heard: AbortSignal | undefined;
    provider.answer = (request) => {
      heard = request.signal;
      setTimeout(() => caller.abort(), 20);
      return new Promise(() => {});
    };
    const outcome = await sendWith(resend, {}, { signal: caller.signal });
    expect(outcome).toEqual({ kind: 'retry', reason: 'cancelled' });
    await vi.waitFor(() => expect(heard?.aborted).toBe(true));
  });

  it('gives an outcome without a secret after an unexpected error', async () => {
    const broken = { ...resend, apiKey: new Secret('re_key\r\nline end') };
    const outcome = await sendWith(broken);
    expect(outcome).toEqual({ kind: 'retry', reason: 'unexpected TypeError' });
  });

  it('gives an outcome when no SMTP server answers', async () => {
    expect(await sendWith(gmail)).toEqual({ kind: 'retry', reason: 'connection failed' });
  });

  it('takes TLS from the first byte on port 465 and STARTTLS on any other', () => {
    expect([465, 587, 25, 2525].map(smtpSecurity)).toEqual([
      'implicit-tls',
      'starttls',
      'starttls',
      'starttls',
    ]);
  });
});

describe('capture', () => {
  it('writes a line that leads to the mail and has none of its text, and sends nothing', async () => {
    provider.answer = json({ id: 'x' });
    const info = vi.fn();
    const ignore = () => {};
    const log = { debug: ignore, info, warn: ignore, error: ignore };
    expect(await sendWith(capture, {}, { log })).toEqual({ kind: 'sent', providerId: null });
    const { id, subject } = message;
    const fields = { outbox_id: id, subject, read_it_at: `${mailboxUrl}#${id}` };
    expect(info.mock.calls).toEqual([['mail', fields]]);
    expect(provider.asked).toEqual([]);
  });
});

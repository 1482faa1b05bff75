import { simpleParser } from 'mailparser';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MailMessage } from '../../src/platform/rules/mail.ts';
import { createCertificate } from '../support/node/certificate.ts';
import { type MailWorker, message, startMailWorker } from '../support/node/mail-worker.ts';
import { type RunningServer, startSmtpServer } from '../support/node/smtp-servers.ts';

// Every one of these is a certificate that workerd itself has to judge; only the first is good for `localhost`.
const certificate = createCertificate('localhost');
const certificateOfAnother = createCertificate('mail.example.com');
const unknownCertificate = createCertificate('localhost');

let worker: MailWorker;
beforeAll(async () => {
  worker = await startMailWorker([certificate, certificateOfAnother]);
});
afterAll(() => worker.stop());

const servers: RunningServer[] = [];
const start = async (...options: Parameters<typeof startSmtpServer>) => {
  const server = await startSmtpServer(...options);
  servers.push(server);
  return server;
};
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

/** Delivers one mail over STARTTLS; what arrived, in full and parsed. */
const deliver = async (given: Partial<MailMessage> = {}) => {
  const { port, inbox } = await start(certificate);
  const outcome = await worker.send({ port, message: { ...message, ...given } });
  expect(outcome).toMatchObject({ kind: 'sent' });
  expect(inbox).toHaveLength(1);
  const [received] = inbox;
  if (!received) throw new Error('nothing arrived');
  return { outcome, received, mail: await simpleParser(received.raw) };
};

describe('a mail over SMTP', () => {
  it.each([
    ['TLS from the first byte', { secure: true }, true],
    ['STARTTLS', {}, false],
  ])('arrives by %s, logged in, from the account itself', async (_, options, implicitTls) => {
    const { port, inbox } = await start(certificate, options);
    const outcome = await worker.send({ port, implicitTls });

    expect(outcome).toEqual({ kind: 'sent', providerId: `${message.id}@example.com` });
    expect(inbox).toMatchObject([{ from: 'itsor@example.com', to: ['ada@example.org'], secure: true }]);
  });

  it.each([
    ['TLS from the first byte', { secure: true }, true],
    ['STARTTLS', {}, false],
  ])(
    'names the domain of its sender in EHLO by %s, for relays that refuse a loopback',
    async (_, options, implicitTls) => {
      const names: string[] = [];
      const { port } = await start(certificate, {
        ...options,
        onMailFrom: (_address, { hostNameAppearsAs }, done) => {
          if (hostNameAppearsAs) names.push(hostNameAppearsAs);
          done(hostNameAppearsAs === 'example.com' ? null : new Error('Helo command rejected'));
        },
      });
      expect(await worker.send({ port, implicitTls })).toMatchObject({ kind: 'sent' });
      expect(names).toEqual(['example.com']);
    },
  );

  it('logs in with LOGIN where PLAIN is not offered', async () => {
    const { port, inbox } = await start(certificate, { authMethods: ['LOGIN'] });
    expect(await worker.send({ port })).toMatchObject({ kind: 'sent' });
    expect(inbox).toHaveLength(1);
  });

  it('has the headers of a mail that a machine wrote', async () => {
    const { mail } = await deliver();

    expect(mail.from?.text).toBe('itsor@example.com');
    expect(mail.to).toMatchObject({ text: 'ada@example.org' });
    expect(mail.subject).toBe('Confirm your address');
    expect(Math.abs(Date.now() - Number(mail.date))).toBeLessThan(60_000);
    expect(mail.headers.get('mime-version')).toBe('1.0');
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail.headers.get('content-type')).toMatchObject({ value: 'multipart/alternative' });
  });

  it('has the same Message-ID at every attempt, made of the outbox id', async () => {
    const first = await deliver();
    const second = await deliver();
    const other = await deliver({ id: '01a2b3c4-0000-7000-8000-000000000002' });

    expect(first.mail.messageId).toBe(`<${message.id}@example.com>`);
    expect(second.mail.messageId).toBe(first.mail.messageId);
    expect(other.mail.messageId).not.toBe(first.mail.messageId);
  });

  it.each([
    ['a short subject', 'Grüße 🦉'],
    [
      'a long one',
      'Bitte bestätigen Sie Ihre Adresse bei Itsor – 確認してください 👩‍👩‍👧‍👦 '.repeat(8).trim(),
    ],
    ['a long one in ASCII', 'a subject that goes on and on '.repeat(60).trim()],
    ['one that looks encoded', '=?UTF-8?B?aGVsbG8=?='],
  ])('carries %s unharmed', async (_, subject) => {
    const { received, mail } = await deliver({ subject });
    expect(mail.subject).toBe(subject);
    const [headers = ''] = received.raw.split('\r\n\r\n');
    for (const word of headers.match(/=\?.*?\?=(?=\r|\s|$)/g) ?? [])
      expect(word.length).toBeLessThanOrEqual(75);
  });

  it.each([
    ['in another script', '山田 太郎'],
    ['longer than an encoded-word', 'Ünï Çødé '.repeat(12).trim()],
    ['with a comma and quotes', 'Lovelace, "Ada" \\ Countess'],
  ])('carries a name %s', async (_, name) => {
    const { received, mail } = await deliver({ to: `${name} <ada@example.org>` });
    expect(received.to).toEqual(['ada@example.org']);
    expect(mail.to).toMatchObject({ value: [{ name, address: 'ada@example.org' }] });
  });

  it.each([
    ['other scripts and emoji', 'Grüße, 山田さん 👩‍👩‍👧‍👦\nשלום\n'],
    ['lines that start with a dot', '.\n..\n.hidden\n...\n\n.\n'],
    ['a line far longer than SMTP allows', `${'https://example.com/verify?token=ab=cd&'.repeat(200)}\nend\n`],
    ['a long line of wide characters', `${'🦉é'.repeat(500)}\n`],
    ['blanks at the ends of lines', 'one \ntwo\t\n \nend\n'],
    ['what looks like encoding and boundaries', '=3D =\n--=_alternative--\n--=_alternative\nFrom me\n'],
    ['Windows line ends', 'one\r\ntwo\r\n'],
  ])('carries %s in both parts', async (_, text) => {
    const html = `<pre>\n${text}</pre>\n`;
    const { received, mail } = await deliver({ text, html });

    const unix = (content: string) => content.replaceAll('\r\n', '\n').trimEnd();
    expect(unix(mail.text ?? '')).toBe(unix(text));
    expect(unix(mail.html || '')).toBe(unix(html));
    expect(received.raw).toMatch(/^[\r\n\t -~]*$/);
    expect(received.raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    for (const line of received.raw.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
  });

  it.each([
    ['another header', { subject: 'Hello\r\nBcc: eve@example.net' }],
    ['another header, by a bare line feed', { subject: 'Hello\nBcc: eve@example.net' }],
    ['another command', { to: 'ada@example.org>\r\nRCPT TO:<eve@example.net' }],
    ['a header in a name', { to: 'Ada\r\nBcc: eve@example.net <ada@example.org>' }],
    ['another recipient', { to: 'ada@example.org, eve@example.net' }],
    ['another header in the Message-ID', { id: 'x>\r\nBcc: eve@example.net' }],
  ])('is refused, and nothing is sent, when it would smuggle in %s', async (_, given) => {
    const { port, inbox } = await start(certificate);
    expect(await worker.send({ port, message: { ...message, ...given } })).toMatchObject({ kind: 'refused' });
    expect(inbox).toEqual([]);
  });
});

describe('SMTP without a server that can be trusted', () => {
  const modes = [
    ['TLS from the first byte', true],
    ['STARTTLS', false],
  ] as const;

  it.each(modes)('sends nothing to a certificate that nobody vouches for, by %s', async (_, secure) => {
    const { port, inbox } = await start(unknownCertificate, { secure });
    const outcome = await worker.send({ port, implicitTls: secure });
    expect(outcome).toEqual({ kind: 'retry', reason: 'connection failed' });
    expect(inbox).toEqual([]);
  });

  it.each(modes)('sends nothing to the certificate of another host, by %s', async (_, secure) => {
    const { port, inbox } = await start(certificateOfAnother, { secure });
    const outcome = await worker.send({ port, implicitTls: secure });
    expect(outcome).toEqual({ kind: 'retry', reason: 'connection failed' });
    expect(inbox).toEqual([]);
  });

  it('never gives the password to a server that offers no TLS', async () => {
    const logins: unknown[] = [];
    const { port, inbox } = await start(certificate, {
      hideSTARTTLS: true,
      allowInsecureAuth: true,
      onAuth: (auth, _session, done) => {
        logins.push(auth);
        done(null, { user: 'anyone' });
      },
    });
    expect(await worker.send({ port })).toEqual({ kind: 'retry', reason: 'smtp no TLS offered' });
    expect([logins, inbox]).toEqual([[], []]);
  });

  it('retries with a wrong password: that is the operator’s mistake, not the mail’s', async () => {
    const { port, inbox } = await start(certificate);
    const outcome = await worker.send({ port, password: 'not the password' });
    expect(outcome).toEqual({ kind: 'retry', reason: 'smtp AUTH 535' });
    expect(inbox).toEqual([]);
  });
});

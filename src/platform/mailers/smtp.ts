import type { EmailProviderConfig } from '../config/email.ts';
import type { DeliveryOutcome } from '../rules/mail.ts';
import { composeMessage, parseMailbox } from './mime.ts';
import {
  openSmtpConnection,
  retryFailure,
  type SmtpConnection,
  SmtpFailure,
  type SmtpReply,
  type SmtpSecurity,
} from './smtp-connection.ts';
import type { Transport } from './transport.ts';

/** What the session waits for a reply to. */
type SmtpStage = 'greeting' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'content';

// Until the recipient is named, a server can only refuse us.
const aboutTheMessage: ReadonlySet<SmtpStage> = new Set(['RCPT', 'DATA', 'content']);
// Unknown commands (RFC 5321 section 4.2.2), and wrong or missing credentials (RFC 4954 section 6).
const aboutUs: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538]);
// RFC 3463 section 3.5: congestion. Gmail sends it with 550 once an account has used up its daily limit.
const congested = '5.4.5';
// RFC 5321 section 4.2.1: with a 4yz reply the server asks to try again, and cannot say when: it has too many sessions or
// mails at once, or lets a stranger wait (greylisting).
const busySeconds = 10;

/** The outcome of an SMTP conversation that ends with this reply. */
const outcomeOfReply = (stage: SmtpStage, { code, lines }: SmtpReply): DeliveryOutcome => {
  const enhancedStatus = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(lines[0] ?? '')?.[0];
  const reason = ['smtp', stage, code, enhancedStatus].filter(Boolean).join(' ');
  const isPermanent = code >= 500 && code < 600 && !aboutUs.has(code) && enhancedStatus !== congested;
  if (isPermanent && aboutTheMessage.has(stage)) return { kind: 'refused', reason };
  return { kind: 'retry', reason, ...(code < 500 && { retryAfterSeconds: busySeconds }) };
};

type Submission = {
  readonly security: SmtpSecurity;
  /** The client's name in EHLO. */
  readonly clientName: string;
  readonly user: string;
  readonly password: string;
  readonly recipient: string;
  /** A message with CRLF line ends, the last line's included. */
  readonly content: string;
};

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** A line that is only a dot would end the message (RFC 5321 section 4.5.2). */
const stuffDots = (content: string): string => content.replace(/^\./gm, '..');

const hasExtension = ({ lines }: SmtpReply, name: string): boolean =>
  lines.some((line) => line.toUpperCase().split(' ')[0] === name);

/** `AUTH PLAIN LOGIN`; older servers also write `AUTH=PLAIN LOGIN`. */
const loginMechanisms = ({ lines }: SmtpReply): string[] =>
  lines.map((line) => line.toUpperCase().split(/[ =]/)).find(([name]) => name === 'AUTH') ?? [];

/** Sends one message in one session (RFC 5321 section 3). @throws SmtpFailure unless the server has accepted it */
const submitMail = async (
  connection: SmtpConnection,
  { security, clientName, user, password, recipient, content }: Submission,
): Promise<void> => {
  const expectReply = async (stage: SmtpStage, expected: 2 | 3): Promise<SmtpReply> => {
    const reply = await connection.readReply();
    if (Math.floor(reply.code / 100) !== expected) throw new SmtpFailure(outcomeOfReply(stage, reply));
    return reply;
  };
  const command = async (stage: SmtpStage, line: string, expected: 2 | 3 = 2): Promise<SmtpReply> => {
    await connection.write(`${line}\r\n`);
    return expectReply(stage, expected);
  };
  const hello = () => command('EHLO', `EHLO ${clientName}`);

  const authenticate = async (greeting: SmtpReply): Promise<void> => {
    const mechanisms = loginMechanisms(greeting);
    if (mechanisms.includes('PLAIN')) {
      await command('AUTH', `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
      return;
    }
    if (!mechanisms.includes('LOGIN')) throw retryFailure('smtp no login offered');
    await command('AUTH', 'AUTH LOGIN', 3);
    await command('AUTH', base64(user), 3);
    await command('AUTH', base64(password));
  };

  await expectReply('greeting', 2);
  let greeting = await hello();
  if (security === 'starttls') {
    // An attacker who removes the offer would otherwise get the password (RFC 3207 section 6).
    if (!hasExtension(greeting, 'STARTTLS')) throw retryFailure('smtp no TLS offered');
    await command('STARTTLS', 'STARTTLS');
    connection.startTls();
    // The client must discard what the server said in clear (RFC 3207 section 4.2).
    greeting = await hello();
  }
  await authenticate(greeting);

  await command('MAIL', `MAIL FROM:<${user}>`);
  await command('RCPT', `RCPT TO:<${recipient}>`);
  await command('DATA', 'DATA', 3);
  await connection.write(`${stuffDots(content)}.\r\n`);
  await expectReply('content', 2);
  // The server has accepted the message, so a failure here changes nothing.
  await connection.write('QUIT\r\n').catch(() => {});
};

/** TLS from the first byte on port 465 (RFC 8314 section 3.3), STARTTLS on any other port; never in clear. */
export const smtpSecurity = (port: number): SmtpSecurity => (port === 465 ? 'implicit-tls' : 'starttls');

/**
 * Submission to an SMTP server (RFC 6409) by our own client; docs/adr/0006-smtp.md gives the reasons.
 * The Message-ID comes from the outbox id, so that receivers can recognise a repeated attempt.
 */
export const createSmtpTransport = (
  { user, password, host, port }: Extract<EmailProviderConfig, { kind: 'gmail' }>,
  clock: () => Date,
  security = smtpSecurity(port),
): Transport => {
  const domain = user.slice(user.lastIndexOf('@') + 1);

  return async ({ id, to, subject, text, html }, signal) => {
    const recipient = parseMailbox(to);
    if (!recipient) return { kind: 'refused', reason: 'invalid recipient' };
    const messageId = `${id}@${domain}`;
    const from = { name: null, address: user };
    const content = composeMessage({ messageId, date: clock(), from, to: recipient, subject, text, html });

    const connection = openSmtpConnection({ host, port, security }, signal);
    try {
      await submitMail(connection, {
        security,
        // A Worker has no host name, and relays refuse the address literal of a loopback (RFC 5321 section 4.1.4).
        clientName: domain,
        user,
        password: password.reveal(),
        recipient: recipient.address,
        content,
      });
      return { kind: 'sent', providerId: messageId };
    } catch (error) {
      if (error instanceof SmtpFailure) return error.outcome;
      throw error;
    } finally {
      connection.close();
    }
  };
};

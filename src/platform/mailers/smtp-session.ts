import type { SmtpConnection, SmtpSecurity } from './smtp-connection.ts';
import { outcomeOfReply, retryFailure, SmtpFailure, type SmtpReply, type SmtpStage } from './smtp-failure.ts';

export type Submission = {
  readonly security: SmtpSecurity;
  readonly login: { readonly user: string; readonly password: string };
  readonly sender: string;
  readonly recipient: string;
  /** A message with CRLF line ends, the last line's included. */
  readonly content: string;
};

type Expected = 2 | 3;

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** A line that is only a dot would end the message (RFC 5321 section 4.5.2). */
const stuffDots = (content: string): string => content.replace(/^\./gm, '..');

const hasExtension = ({ lines }: SmtpReply, name: string): boolean =>
  lines.some((line) => line.toUpperCase().split(' ')[0] === name);

/** `AUTH PLAIN LOGIN`; older servers also write `AUTH=PLAIN LOGIN`. */
const loginMechanisms = ({ lines }: SmtpReply): string[] =>
  lines.map((line) => line.toUpperCase().split(/[ =]/)).find(([name]) => name === 'AUTH') ?? [];

/** One message through one session (RFC 5321 section 3). Returns once the server has taken it; else throws SmtpFailure. */
export const submitMail = async (connection: SmtpConnection, submission: Submission): Promise<void> => {
  const { security, login, sender, recipient, content } = submission;

  const expectReply = async (stage: SmtpStage, expected: Expected): Promise<SmtpReply> => {
    const reply = await connection.readReply();
    if (Math.floor(reply.code / 100) !== expected) throw new SmtpFailure(outcomeOfReply(stage, reply));
    return reply;
  };
  const command = async (stage: SmtpStage, line: string, expected: Expected = 2): Promise<SmtpReply> => {
    await connection.write(`${line}\r\n`);
    return expectReply(stage, expected);
  };
  // A Worker has no name of its own, so an address literal (RFC 5321 section 4.1.3).
  const hello = () => command('EHLO', 'EHLO [127.0.0.1]');

  const authenticate = async (greeting: SmtpReply): Promise<void> => {
    const { user, password } = login;
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
    // Who takes the offer away would otherwise get the password (RFC 3207 section 6).
    if (!hasExtension(greeting, 'STARTTLS')) throw retryFailure('smtp no TLS offered');
    await command('STARTTLS', 'STARTTLS');
    connection.startTls();
    // What was said in clear is forgotten (RFC 3207 section 4.2).
    greeting = await hello();
  }
  await authenticate(greeting);

  await command('MAIL', `MAIL FROM:<${sender}>`);
  await command('RCPT', `RCPT TO:<${recipient}>`);
  await command('DATA', 'DATA', 3);
  await connection.write(`${stuffDots(content)}.\r\n`);
  await expectReply('content', 2);
  // Taken, whatever becomes of the farewell.
  await connection.write('QUIT\r\n').catch(() => {});
};

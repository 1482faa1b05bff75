import { encodeHeaderText } from './header-text.ts';
import { formatMailbox, type Mailbox } from './mailbox.ts';
import { encodeQuotedPrintable } from './quoted-printable.ts';

export type MailContent = {
  /** Without the angle brackets. */
  readonly messageId: string;
  readonly date: Date;
  readonly from: Mailbox;
  readonly to: Mailbox;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

// Quoted-printable never produces `=_`, so this needs no chance to be unique (RFC 2045 section 6.7).
const boundary = '=_alternative';

const part = (type: string, body: string): string[] => [
  `--${boundary}`,
  `Content-Type: ${type}; charset=utf-8`,
  'Content-Transfer-Encoding: quoted-printable',
  '',
  encodeQuotedPrintable(body),
];

/** A message in ASCII with CRLF line ends (RFC 5322), its text and its HTML as alternatives (RFC 2046 section 5.1.4). */
export const composeMessage = ({ messageId, date, from, to, subject, text, html }: MailContent): string =>
  [
    // `GMT` is obsolete there (RFC 5322 section 4.3).
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${messageId}>`,
    `From: ${formatMailbox(from)}`,
    `To: ${formatMailbox(to)}`,
    `Subject: ${encodeHeaderText(subject)}`,
    // Keeps out-of-office robots from answering (RFC 3834 section 5).
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    ...part('text/plain', text),
    ...part('text/html', html),
    `--${boundary}--`,
    '',
  ].join('\r\n');

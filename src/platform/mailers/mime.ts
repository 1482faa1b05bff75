const encoder = new TextEncoder();

// RFC 5322 section 2.1.1 allows 998 characters a line, of which the name of the header takes some.
const maxPlainLength = 900;
// An encoded-word has at most 75 characters, 12 of them frame (RFC 2047 section 2): 60 of base64, 45 bytes.
const maxWordBytes = 45;

/** Whether a header can carry the text as it is; `=?` would be read as an encoded-word. */
const isPlainHeaderText = (text: string): boolean =>
  /^[ -~]*$/.test(text) && !text.includes('=?') && text.length <= maxPlainLength;

const encodedWord = (bytes: readonly number[]): string =>
  `=?UTF-8?B?${btoa(String.fromCharCode(...bytes))}?=`;

/** The text for a header: plain if it can be, otherwise encoded-words, one a line (RFC 2047). */
const encodeHeaderText = (text: string): string => {
  if (isPlainHeaderText(text)) return text;
  const words: number[][] = [[]];
  // Whole characters only: no word may end in the middle of one (RFC 2047 section 5).
  for (const character of text) {
    const bytes = encoder.encode(character);
    if ((words.at(-1)?.length ?? 0) + bytes.length > maxWordBytes) words.push([]);
    words.at(-1)?.push(...bytes);
  }
  return words.map(encodedWord).join('\r\n ');
};

export type Mailbox = { readonly name: string | null; readonly address: string };

// ASCII, without quoted local parts and address literals: SES and many servers accept nothing else
// (RFC 5321 section 4.1.2), and nothing in it can end a header or an SMTP command.
const address = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

const unquote = (name: string): string => /^"(.*)"$/.exec(name)?.[1]?.replace(/\\(.)/g, '$1') ?? name;

/** @returns null unless the text is one address, or a name and one address in angle brackets */
export const parseMailbox = (text: string): Mailbox | null => {
  const [, named = '', bracketed] = /^([^<>]*)<([^<>]+)>$/.exec(text) ?? [];
  const parsed = { name: unquote(named.trim()) || null, address: bracketed ?? text };
  if (/\p{Cc}/u.test(text) || !address.test(parsed.address) || parsed.address.length > 254) return null;
  return parsed;
};

/** A mailbox for a header (RFC 5322 section 3.4). A name is quoted or encoded, never both (RFC 2047 section 5). */
export const formatMailbox = ({ name, address }: Mailbox): string => {
  if (name === null) return address;
  const phrase = isPlainHeaderText(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodeHeaderText(name);
  return `${phrase} <${address}>`;
};

// RFC 2045 section 6.7: at most 76 characters a line, including the `=` of a soft line break.
const maxLineLength = 75;

const [tab, space, equals, tilde] = [0x09, 0x20, 0x3d, 0x7e];

const encodeByte = (byte: number, isLast: boolean): string => {
  const isBlank = byte === space || byte === tab;
  // Mail servers may strip blanks at the end of a line.
  const isLiteral = isBlank ? !isLast : byte > space && byte <= tilde && byte !== equals;
  return isLiteral ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
};

const encodeLine = (line: string): string => {
  const bytes = encoder.encode(line);
  const lines: string[] = [];
  let current = '';
  bytes.forEach((byte, index) => {
    const encoded = encodeByte(byte, index === bytes.length - 1);
    if (current.length + encoded.length > maxLineLength) {
      lines.push(`${current}=`);
      current = '';
    }
    current += encoded;
  });
  return [...lines, current].join('\r\n');
};

/** Text as printable ASCII in short lines that end in CRLF (RFC 2045 section 6.7). */
const encodeQuotedPrintable = (text: string): string =>
  text
    .split(/\r\n|\r|\n/)
    .map(encodeLine)
    .join('\r\n');

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

// Quoted-printable never produces `=_`, so no part can contain this boundary (RFC 2045 section 6.7).
const boundary = '=_alternative';

const part = (type: string, body: string): string[] => [
  `--${boundary}`,
  `Content-Type: ${type}; charset=utf-8`,
  'Content-Transfer-Encoding: quoted-printable',
  '',
  encodeQuotedPrintable(body),
];

/** A message in ASCII with CRLF line ends (RFC 5322); text and HTML are alternatives (RFC 2046 section 5.1.4). */
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

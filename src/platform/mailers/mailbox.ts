import { encodeHeaderText, isPlainHeaderText } from './header-text.ts';

export type Mailbox = { readonly name: string | null; readonly address: string };

// ASCII, without quoted local parts and address literals: SES and many servers take no others
// (RFC 5321 section 4.1.2), and nothing in it can end a header or an SMTP command.
const address = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** @returns null unless the text is one address, or a name and one address in angle brackets */
export const parseMailbox = (text: string): Mailbox | null => {
  const [, named = '', bracketed] = /^([^<>]*)<([^<>]+)>$/.exec(text) ?? [];
  const parsed = { name: unquote(named.trim()) || null, address: bracketed ?? text };
  if (/\p{Cc}/u.test(text) || !address.test(parsed.address) || parsed.address.length > 254) return null;
  return parsed;
};

const unquote = (name: string): string => /^"(.*)"$/.exec(name)?.[1]?.replace(/\\(.)/g, '$1') ?? name;

/** As a header has it (RFC 5322 section 3.4). A name is quoted, or encoded: never both (RFC 2047 section 5). */
export const formatMailbox = ({ name, address }: Mailbox): string => {
  if (name === null) return address;
  const phrase = isPlainHeaderText(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodeHeaderText(name);
  return `${phrase} <${address}>`;
};

/** Text between the blanks, line ends and invisible marks that a phone keyboard or a copy adds; `.*` backs up once. */
const framed =
  /^[\s\p{Default_Ignorable_Code_Point}]*(.*[^\s\p{Default_Ignorable_Code_Point}])?[\s\p{Default_Ignorable_Code_Point}]*$/su;

/** Text as it was meant: without what stands unseen around it. Passwords are never trimmed. */
export const trimmed = (typed: string): string => framed.exec(typed)?.[1] ?? '';

export const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Lower case of ASCII alone: `toLowerCase` makes a plain `k` of the Kelvin sign, so two names would become one. */
const asciiLowerCase = (text: string): string =>
  text.replaceAll(/[A-Z]+/g, (capitals) => capitals.toLowerCase());

/** The one spelling of a name, an id or a digest that has no meaning in its case. */
export const canonicalName = (typed: string): string => asciiLowerCase(trimmed(typed));

/** The longest domain (RFC 1035 section 2.3.4); also a limit of the work, because punycode is quadratic. */
const maxDomainLength = 253;

/** Characters of ASCII that cannot stand in a domain. The URL parser would read a port, a path or an address there. */
const foreignToDomains = /[\0-,/:-@[-`{-\x7f]/;

/**
 * A domain in ASCII (IDNA by UTS 46, as browsers do it), in lower case. A domain of ASCII keeps its letters: the parser
 * would read numbers as an IPv4 address. A text that is no domain stays as it is, and is no address.
 */
const asciiDomain = (domain: string): string => {
  if (isAscii(domain)) return asciiLowerCase(domain);
  if (domain.length > maxDomainLength || foreignToDomains.test(domain)) return domain;
  return URL.parse(`http://${domain}`)?.hostname ?? domain;
};

/**
 * The one spelling in which an e-mail address is stored, looked up, counted and written to: trimmed, in lower case, with
 * its domain in ASCII. Letters before the @ outside ASCII stay, so that `Email` can refuse them.
 */
export const canonicalEmail = (typed: string): string => {
  const address = trimmed(typed);
  const at = address.lastIndexOf('@');
  if (at === -1) return asciiLowerCase(address);
  return `${asciiLowerCase(address.slice(0, at))}@${asciiDomain(address.slice(at + 1))}`;
};

/** The separators that people and mail programs put between digits. */
const separators = /[\s\p{Default_Ignorable_Code_Point}\p{Dash_Punctuation}]+/gu;

/** The digits of a code, as `123 456` or `123-456`; an East Asian keyboard types wide ones. */
export const canonicalCode = (typed: string): string => typed.normalize('NFKC').replaceAll(separators, '');

/** The type of a Content-Type without its parameters, in lower case (RFC 9110 section 8.3.1). */
export const essenceOf = (contentType: string): string =>
  asciiLowerCase((contentType.split(';', 1)[0] ?? '').trim());

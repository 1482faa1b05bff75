/**
 * Text between the blanks, line ends and invisible marks that a phone keyboard or a copy adds; `.*` backs up once. The
 * line end of old terminals (U+0085) and the blank of Braille (U+2800) are no white space to Unicode's own classes.
 */
const framed =
  /^[\s\x85\u2800\p{Default_Ignorable_Code_Point}]*(.*[^\s\x85\u2800\p{Default_Ignorable_Code_Point}])?[\s\x85\u2800\p{Default_Ignorable_Code_Point}]*$/su;

/** Text as it was meant: without what stands unseen around it. Passwords are never trimmed. */
export const trimmed = (typed: string): string => framed.exec(typed)?.[1] ?? '';

export const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Lower case of ASCII alone: `toLowerCase` makes a plain `k` of the Kelvin sign, so two names would become one. */
export const asciiLowerCase = (text: string): string =>
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

/** ASCII for the wide signs around the parts of an address. Wide letters before the @ stay, and make another name. */
const narrow = (text: string): string =>
  text.replaceAll(/[＜＞＠]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));

/** The end of a sentence or of an entry of a list, behind an address that was copied out of it. */
const withoutTail = (text: string): string => {
  let end = text.length;
  while (end > 0 && '.,;．，；。'.includes(text.charAt(end - 1))) end--;
  return trimmed(text.slice(0, end));
};

const quoted = /^(?:"([^"]*)"|'([^']*)'|`([^`]*)`|“([^“”]*)”|„([^„“]*)“|‘([^‘’]*)’|«([^«»]*)»)$/;

/**
 * The address in what was copied with it: `Ada <ada@example.com>`, `mailto:ada@example.com`, quotes, the end of a
 * sentence. None of these can be in an address that `Email` takes, so no two accounts get one spelling. A name with an @
 * of its own is left alone, because nobody can tell which address is meant; so is `mailto:` with percent-encoding.
 */
const bareAddress = (typed: string): string => {
  const text = withoutTail(narrow(trimmed(typed)));
  const bracketed = /^[^<>@]*<([^<>]*)>$/.exec(text)?.[1] ?? text;
  const inner =
    quoted
      .exec(trimmed(bracketed))
      ?.slice(1)
      .find((part) => part !== undefined) ?? bracketed;
  const address = withoutTail(trimmed(inner));
  return /^mailto:([^%?]*)(?:\?.*)?$/is.exec(address)?.[1] ?? address;
};

const invisible = /\p{Default_Ignorable_Code_Point}+/gu;

/** The canonical spelling of an address that a person has typed or pasted. */
export const typedEmail = (typed: string): string => {
  const address = bareAddress(typed);
  const at = address.lastIndexOf('@');
  // In a domain some of these have a meaning, and IDNA knows which.
  return canonicalEmail(
    `${address.slice(0, Math.max(at, 0)).replaceAll(invisible, '')}${address.slice(Math.max(at, 0))}`,
  );
};

/** Whether a person means an e-mail address: a user name has no @, in any width. */
export const namesEmail = (typed: string): boolean => /[@＠]/.test(typed);

/** The separators that people and mail programs put between digits. */
const separators = /[\s\x85\u2800\p{Default_Ignorable_Code_Point}\p{Dash_Punctuation}\u2212.·•,_]+/gu;

const isDigit = (point: number): boolean => /^\p{Decimal_Number}$/u.test(String.fromCodePoint(point));

/** The value of a decimal digit of any script: their blocks go from 0 to 9, some directly after another. */
const digitOf = (digit: string): string => {
  const point = digit.codePointAt(0) ?? 0;
  let zero = point;
  while (isDigit(zero - 1)) zero--;
  return String((point - zero) % 10);
};

/** The digits of a code, as `123 456` or `123-456`, in the digits of any keyboard. */
export const canonicalCode = (typed: string): string =>
  typed
    .normalize('NFKC')
    .replaceAll(separators, '')
    .replaceAll(/(?![0-9])\p{Decimal_Number}/gu, digitOf);

const aroundToken = /^[<([{"'«]*([\w-]+(?:\.[\w-]+)*)[>)\]}"'».,;:!?]*$/;

/** The token of a link, where the whole link or its `token=…` was pasted; a text with two tokens is left alone. */
export const tokenOfLink = (typed: string): string => {
  const text = trimmed(typed);
  const [found, ...others] = text.matchAll(/(?:^|[?&#;])token=([\w-]+(?:\.[\w-]+)*)/g);
  if (others.length > 0) return text;
  // A token by itself may have signs of the text around it, such as a full stop or a bracket.
  return found?.[1] ?? aroundToken.exec(text)?.[1] ?? text;
};

/** The type of a Content-Type without its parameters, in lower case (RFC 9110 section 8.3.1). */
export const essenceOf = (contentType: string): string =>
  asciiLowerCase((contentType.split(';', 1)[0] ?? '').trim());

import { stripVTControlCharacters } from 'node:util';

/** What stands between a scheme and the last @ of one entry of a list, well-formed or not. */
const userinfo = /([\w.+-]+:\/\/)(?:(?![\s,;"'|][\w.+-]+:\/\/)[\s\S])*@/g;
/** The same where the slashes are missing: user:password@host, https:/user:password@host. */
const bareUserinfo = /([\w.+-]+:)(?!\/\/\[redacted\])[^\s"']*@/g;
/** password=…, of a query or of a connection string of libpq. */
const named =
  /((?:password|passwd|pwd|secret|token|signature|api[_-]?key|access[_-]?key)\s*=\s*)(?:'[^']*'|"[^"]*"|[^\s&;,]+)/gi;

/** Text without the passwords of what looks like a URL or a connection string; rather too little of it is left. */
export const withoutPasswords = (text: string): string =>
  text
    .replace(userinfo, '$1[redacted]@')
    .replace(bareUserinfo, '$1[redacted]@')
    .replace(named, '$1[redacted]');

/** One line for a terminal, of text that somebody else may have written. */
export const printable = (text: string): string =>
  withoutPasswords(stripVTControlCharacters(text).replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, ' '));

/** The same of every text in a value. */
export const printableAll = <T>(value: T): T =>
  value === null || typeof value !== 'object'
    ? ((typeof value === 'string' ? printable(value) : value) as T)
    : ((Array.isArray(value)
        ? value.map(printableAll)
        : Object.fromEntries(Object.entries(value).map(([key, each]) => [key, printableAll(each)]))) as T);

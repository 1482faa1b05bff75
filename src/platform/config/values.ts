import * as z from 'zod';
import { Secret } from './secret.ts';

/** Adds a problem and gives undefined, so that a reader can return it. */
type Fail = (detail: string) => undefined;

/**
 * A variable's text, read by one function. The sentences that it fails with are ours alone: zod's own can
 * quote what was given, and what was given may be a secret.
 */
export const value = <T>(read: (given: string, fail: Fail) => T | undefined) =>
  z.string().transform((given, context): T => {
    let failed = false;
    const result = read(given, (message) => {
      failed = true;
      context.addIssue({ code: 'custom', message });
      return undefined;
    });
    return failed || result === undefined ? z.NEVER : result;
  });

export const text = value((given) => given);

export const secret = value((given) => new Secret(given));

/** A comma list; a problem of an entry names its position. */
export const list = <T>(read: (entry: string, fail: Fail) => T | undefined) =>
  value((given, fail) =>
    given.split(',').flatMap((entry, index) => {
      const parsed = read(entry.trim(), (detail) => fail(`entry ${index + 1} ${detail}`));
      return parsed === undefined ? [] : [parsed];
    }),
  );

export const secretList = list((entry, fail) => (entry === '' ? fail('is empty') : new Secret(entry)));

export const integer = (min: number, max: number) =>
  value((given, fail) => {
    const parsed = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return parsed >= min && parsed <= max ? parsed : fail(`must be a whole number from ${min} to ${max}`);
  });

export const fraction = value((given, fail) => {
  const parsed = /^\d(\.\d{1,12})?$/.test(given) ? Number(given) : Number.NaN;
  return parsed >= 0 && parsed <= 1 ? parsed : fail('must be a number from 0 to 1');
});

const words: ReadonlyMap<string, boolean> = new Map([
  ...['1', 'true', 'on', 'yes'].map((word) => [word, true] as const),
  ...['0', 'false', 'off', 'no'].map((word) => [word, false] as const),
]);

export const boolean = value(
  (given, fail) =>
    words.get(given.toLowerCase()) ?? fail('must be 1 or 0, true or false, on or off, yes or no'),
);

/** One of a closed set of words, in any case. */
export const oneOf = <const Choice extends string>(...choices: readonly Choice[]) =>
  value(
    (given, fail) =>
      choices.find((choice) => choice.toLowerCase() === given.toLowerCase()) ??
      fail(`must be one of ${choices.join(', ')}`),
  );

/** RFC 9110 section 5.6.2; RFC 6265 takes cookie names from the same set. */
export const token = value((given, fail) =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(given)
    ? given
    : fail("must have no characters but letters, digits and !#$%&'*+-.^_`|~"),
);

/** An http or https URL without credentials, query or fragment. */
export const parsePlainUrl = (given: string): URL | undefined => {
  const url = URL.parse(given);
  const plain =
    url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !/[?#]/.test(given);
  return plain ? url : undefined;
};

/** A plain URL, kept without a slash at its end. */
export const httpUrl = value(
  (given, fail) =>
    parsePlainUrl(given)?.href.replace(/\/+$/, '') ??
    fail('must be an http or https URL without credentials, query or fragment'),
);

/** A host name or an address, as it stands in a URL: an IPv6 address in brackets. */
export const hostname = value((given, fail) => {
  const bare = /^[A-Za-z0-9._-]+$/.test(given) ? given : `[${given.replace(/^\[(.*)\]$/, '$1')}]`;
  return URL.parse(`http://${bare}`)?.hostname ?? fail('must be a host name or an address');
});

import * as z from 'zod';
import { namedType } from '../rules/media-types.ts';
import { withoutBrackets } from '../rules/network.ts';
import { Secret } from './secret.ts';

/** Adds a problem and gives undefined, so that a reader can return it. */
type Fail = (detail: string) => undefined;

/**
 * A variable's text, read by one function. The function words every problem itself: zod's own sentences can
 * quote the text, and the text may be a secret.
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

/** A comma list, which may end with a comma; a problem of an entry names its position. */
export const list = <T>(
  read: (entry: string, fail: Fail) => T | undefined,
  separator: string | RegExp = ',',
) =>
  value((given, fail) =>
    given
      .replace(/,\s*$/, '')
      .split(separator)
      .flatMap((entry, index) => {
        const parsed = read(entry.trim(), (detail) => fail(`entry ${index + 1} ${detail}`));
        return parsed === undefined ? [] : [parsed];
      }),
  );

export const secretList = list((entry, fail) => (entry === '' ? fail('is empty') : new Secret(entry)));

/** `unit` names what is counted, because people write `60s` or `5MB`. */
export const integer = (min: number, max: number, unit?: string) =>
  value((given, fail) => {
    const parsed = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (parsed >= min && parsed <= max) return parsed;
    return fail(
      unit
        ? `must be a whole number of ${unit} from ${min} to ${max}, without a unit`
        : `must be a whole number from ${min} to ${max}`,
    );
  });

export const fraction = value((given, fail) => {
  const parsed = /^\d(\.\d{1,12})?$/.test(given) ? Number(given) : Number.NaN;
  return parsed >= 0 && parsed <= 1 ? parsed : fail('must be a number from 0 to 1');
});

export const boolean = value((given, fail) => {
  if (/^(1|true|on|yes)$/i.test(given)) return true;
  if (/^(0|false|off|no)$/i.test(given)) return false;
  return fail('must be 1 or 0, true or false, on or off, yes or no');
});

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

/** Names of headers. A `*` would count as a name beside credentials (Fetch standard, CORS-preflight fetch). */
export const headerNames = list((entry, fail) =>
  /^[A-Za-z0-9_-]{1,64}$/.test(entry)
    ? entry
    : fail('must be the name of a header: letters, digits, _ and -'),
);

/** What a challenge can stand in front of. */
export const challengedRoutes = ['signup', 'forgot', 'resend', 'login'] as const;
export type ChallengedRoute = (typeof challengedRoutes)[number];

export const turnstileRoutes = list(
  (entry, fail) =>
    challengedRoutes.find((route) => route === entry.toLowerCase()) ??
    fail(`must be one of ${challengedRoutes.join(', ')}`),
);

export const tokenLocations = list((entry, fail) =>
  entry === 'headers' || entry === 'cookies' ? entry : fail('must be headers or cookies'),
);

/** Without the scheme, `example.com:8080` would be read as a URL of the scheme `example.com`. */
const withScheme = 'must begin with https:// (or http://)';

/** Whether a text begins with http:// or https://. */
const hasWebScheme = (given: string): boolean => /^https?:\/\//i.test(given);

const parseHttpUrl = (given: string, refused: RegExp): URL | undefined => {
  const url = URL.parse(given);
  const isRight =
    url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !refused.test(given);
  return isRight ? url : undefined;
};

/** An http or https URL without credentials, query or fragment. */
export const parsePlainUrl = (given: string): URL | undefined => parseHttpUrl(given, /[?#]/);

/** A plain URL, kept without a slash at its end. */
export const httpUrl = value(
  (given, fail) =>
    parsePlainUrl(given)?.href.replace(/\/+$/, '') ??
    fail(
      hasWebScheme(given)
        ? 'must be an http or https URL without credentials, query or fragment'
        : withScheme,
    ),
);

/** A URL that may have a query. It is a secret, because collectors take keys in queries. */
export const secretHttpUrl = value((given, fail) => {
  const url = parseHttpUrl(given, /#/);
  return url
    ? new Secret(url.href)
    : fail('must be an http or https URL without credentials or fragment; a query is allowed');
});

/** A host name or an address, as it stands in a URL: an IPv6 address in brackets. */
export const hostname = value((given, fail) => {
  const bare = /^[A-Za-z0-9._-]+$/.test(given) ? given : `[${withoutBrackets(given)}]`;
  return URL.parse(`http://${bare}`)?.hostname ?? fail('must be a host name or an address');
});

const clamdPort = 3310;

export const clamdAddress = value((given, fail) => {
  const url = /^[^/?#@\s]+$/.test(given) ? URL.parse(`tcp://${given}`) : null;
  if (!url?.hostname) return fail('must be host or host:port');
  return { hostname: url.hostname, port: url.port === '' ? clamdPort : Number(url.port) };
});

/** Without one slash at its end, which people copy from an address line. */
const withoutSlash = (given: string): string => given.replace(/(?<=[^/])\/$/, '');

/** An exact serialized origin (RFC 6454 section 6.2), in the spelling that browsers send. */
const readOrigin = (given: string, fail: Fail): string | undefined => {
  const url = URL.parse(given);
  if (!hasWebScheme(given)) return fail(withScheme);
  if (!url) return fail('must be an http or https origin');
  if (url.username || url.password || !/^https?:\/\/[^/?#\\]+$/i.test(given)) {
    return fail('must be a scheme, a host and a port, with no path and no slash at its end');
  }
  return url.origin;
};

/** Schemes of apps (`capacitor://localhost`): web views send them as they are, and the URL parser knows none of them. */
const appOrigin =
  /^(?!(?:https?|wss?|ftp|file|data|blob|about|javascript):)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._~-]*(?::\d{1,5})?$/i;

/** The URL of the API: an origin, and perhaps a path that is safe in a cookie, in HTML and in a script. */
export const apiUrl = value((given, fail) => {
  const url = URL.parse(given);
  if (!hasWebScheme(given)) return fail(withScheme);
  if (!url) return fail('must be an http or https URL');
  const isPlain = /^https?:\/\/[^/?#@\\]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*\/?$/i.test(given);
  return isPlain
    ? url.href.replace(/\/$/, '')
    : fail(
        'must be a scheme, a host, a port and perhaps a path of letters, digits and -._~, with no credentials, query or fragment',
      );
});

/** Separated by commas, blanks or line breaks: no origin contains one of them. */
export const originList = list((entry, fail) => {
  if (entry === '') return fail('is empty');
  if (entry === 'null') return fail('is null, which every sandboxed page can send');
  if (entry.includes('*')) return fail('has a *; name each origin exactly');
  const given = withoutSlash(entry);
  return appOrigin.test(given) ? given : readOrigin(given, fail);
}, /\s*,\s*|\s+/);

const address = /^[^\s@<>"(),:;[\]\\]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i;

export const emailAddress = value((given, fail) =>
  address.test(given) ? given : fail('must be an e-mail address'),
);

/** A bare address, or a display name with the address in angle brackets (RFC 5322 section 3.4). */
export const mailbox = value((given, fail) => {
  const bare = /^[^<>]{1,100}<([^<>]+)>$/.exec(given)?.[1] ?? given;
  return address.test(bare) ? given : fail('must be an e-mail address, or a name and the address in <>');
});

/** Canonical media types. */
export const uploadTypes = list(
  (entry, fail) =>
    namedType(entry) ??
    fail('must be the ending of a kind of files, such as pdf, docx or txt, or a media type'),
);

export const percentDecode = (given: string): string | undefined => {
  try {
    return decodeURIComponent(given);
  } catch {
    return undefined;
  }
};

/** `name=value` pairs in the form of W3C Baggage, as the OpenTelemetry specification asks for. */
export const headerList = list((entry, fail) => {
  const [, name = '', encoded = ''] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? [];
  const decoded = percentDecode(encoded);
  if (name === '' || decoded === undefined || /\p{Cc}/u.test(decoded)) {
    return fail('must be name=value, with the value percent-encoded');
  }
  return { name: name.toLowerCase(), value: new Secret(decoded) };
});

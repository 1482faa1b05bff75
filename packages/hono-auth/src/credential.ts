import type { Context } from 'hono';
import { type Outcome, refused, tokenInvalid } from './auth.ts';

type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'refused'; readonly outcome: Outcome };

const none: Credential = { kind: 'none' };
const refuse = (outcome: Outcome): Credential => ({ kind: 'refused', outcome });

/** A compact JWS (RFC 7515 section 7.1), no longer than Itsor accepts. Other text costs no call. */
const compactJws = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const maxLength = 8192;

const credentialOf = (token: string): Credential =>
  token.length <= maxLength && compactJws.test(token) ? { kind: 'token', token } : refuse(tokenInvalid);

const unsafeMethod = /^(?!GET$|HEAD$|OPTIONS$)/;

/**
 * Whether a page of another origin can have sent the request. A browser adds the cookie to such a request as well.
 * A request that says nothing of its origin is refused, because only old browsers and programs send one.
 */
const isFromElsewhere = (c: Context): boolean => {
  const site = c.req.header('Sec-Fetch-Site');
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return c.req.header('Origin') !== new URL(c.req.url).origin;
};

const cookieCredential = (c: Context, name: string): Credential => {
  const values = (c.req.header('Cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [value] = values;
  if (value === undefined || value === '') return none;
  // A sibling domain can set a second one, and nobody knows which of them is meant.
  if (values.length > 1) {
    const detail = 'The request has the session cookie twice, and we cannot tell which one to use.';
    return refuse(refused({ status: 400, code: 'duplicate_cookie', detail }));
  }
  // A WebSocket begins as a GET, and a page of any origin may read what comes through it.
  const isUnsafe = unsafeMethod.test(c.req.method) || c.req.header('Upgrade') !== undefined;
  if (isUnsafe && isFromElsewhere(c)) {
    const detail = 'The request comes from a site that is not allowed.';
    return refuse(refused({ status: 403, code: 'csrf_rejected', detail }));
  }
  return credentialOf(value);
};

/**
 * The access token of a request. A `Bearer` header comes before the cookie, also a broken one: the cookie would act for
 * an account that the client did not name. A header of another scheme, as of a proxy with Basic, names none.
 */
export const readCredential = (c: Context, cookieName: string | undefined): Credential => {
  const header = c.req.header('Authorization')?.trim();
  const [scheme = '', token = '', ...rest] = header?.split(/[ \t]+/) ?? [];
  if (scheme.toLowerCase() === 'bearer') {
    return rest.length === 0 && token !== '' ? credentialOf(token) : refuse(tokenInvalid);
  }
  return cookieName === undefined ? none : cookieCredential(c, cookieName);
};

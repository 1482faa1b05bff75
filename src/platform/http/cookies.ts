import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';
import type { Config } from '../config/schema.ts';
import { AppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

type CookieConfig = Config['cookies'];

const cookiePairs = (c: Context<AppEnv>): string[] =>
  (c.req.header('Cookie') ?? '').split(';').map((pair) => pair.trim());

export const readCookies = (c: Context<AppEnv>, name: string): string[] =>
  cookiePairs(c)
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));

/**
 * The cookies whose names begin with a text and go on with letters and digits, as they came, each once: their names, and
 * the length of name and value.
 */
export const cookieLengths = (c: Context<AppEnv>, start: string): [name: string, length: number][] => {
  const pairs = cookiePairs(c).map((pair) => [pair.split('=', 1)[0] ?? '', pair.length] as const);
  return [...new Map(pairs)].filter(
    ([name]) => name.startsWith(start) && /^[0-9A-Za-z]+$/.test(name.slice(start.length)),
  );
};

/**
 * Reads a cookie that may occur only once: parsers take the first of two, which a neighbouring subdomain can plant
 * (RFC 6265 section 8.6).
 * @throws AppError `duplicate_cookie`
 */
export const readSingleCookie = (c: Context<AppEnv>, name: string): string | null => {
  const values = readCookies(c, name);
  if (values.length > 1) throw new AppError('duplicate_cookie');
  return values[0] || null;
};

/** Sets a cookie that scripts cannot read. `maxAge` is in seconds; 0 deletes the cookie. */
export const setHttpOnlyCookie = (
  c: Context<AppEnv>,
  config: CookieConfig,
  name: string,
  path: string,
  value: string,
  maxAge: number,
) =>
  setCookie(c, name, value, {
    httpOnly: true,
    secure: config.secure,
    sameSite: config.sameSite,
    path,
    maxAge,
  });

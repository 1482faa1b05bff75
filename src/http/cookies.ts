import type { Context } from 'hono';
import { setCookie } from 'hono/cookie';
import type { Config } from '../config/schema.ts';
import { attemptTtlSeconds } from '../domain/identity.ts';
import type { IssuedTokens } from '../domain/session.ts';
import { signUpAttemptTtlSeconds } from '../domain/sign-up.ts';
import { AppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

type CookieConfig = Config['cookies'];

const readCookies = (c: Context<AppEnv>, name: string): string[] =>
  (c.req.header('Cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));

/**
 * A cookie that must be there at most once: of two, a parser takes the first, and a neighbour's subdomain
 * can plant it (RFC 6265 section 8.6).
 * @throws AppError `duplicate_cookie`
 */
export const readSingleCookie = (c: Context<AppEnv>, name: string): string | null => {
  const values = readCookies(c, name);
  if (values.length > 1) throw new AppError('duplicate_cookie');
  return values[0] || null;
};

const set = (
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

export const setSessionCookies = (c: Context<AppEnv>, config: CookieConfig, tokens: IssuedTokens): void => {
  const refreshTtlSeconds = Math.floor((tokens.refreshExpiresAt.getTime() - c.var.ctx.now.getTime()) / 1000);
  set(c, config, config.sessionName, '/', tokens.accessToken, tokens.accessTtlSeconds);
  set(c, config, config.refreshName, config.refreshPath, tokens.refreshToken, refreshTtlSeconds);
};

export const clearSessionCookies = (c: Context<AppEnv>, config: CookieConfig): void => {
  set(c, config, config.sessionName, '/', '', 0);
  set(c, config, config.refreshName, config.refreshPath, '', 0);
  // Who logs out of a browser leaves nothing in it.
  if (readCookies(c, config.signUpName).length > 0) setSignUpCookie(c, config, null);
};

/** Keeps what a sign-up has chosen, or ends it. The API and the pages both read it. */
export const setSignUpCookie = (c: Context<AppEnv>, config: CookieConfig, sealed: string | null): void =>
  set(c, config, config.signUpName, '/', sealed ?? '', sealed === null ? 0 : signUpAttemptTtlSeconds);

/** Keeps an attempt to log in by a provider, or ends it. Lax whatever the others are: the answer comes from another site. */
export const setAttemptCookie = (c: Context<AppEnv>, config: CookieConfig, sealed: string | null): void => {
  const { attemptName, attemptPath } = config;
  const maxAge = sealed === null ? 0 : attemptTtlSeconds;
  set(c, { ...config, sameSite: 'lax' }, attemptName, attemptPath, sealed ?? '', maxAge);
};

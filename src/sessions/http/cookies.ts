import type { Context } from 'hono';
import { signUpAttemptTtlSeconds } from '../../accounts/rules/sign-up.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { readCookies, setHttpOnlyCookie } from '../../platform/http/cookies.ts';
import { attemptTtlSeconds } from '../../sso/rules.ts';
import type { IssuedTokens } from '../rules/session.ts';

type CookieConfig = Config['cookies'];

export const setSessionCookies = (c: Context<AppEnv>, config: CookieConfig, tokens: IssuedTokens): void => {
  const refreshTtlSeconds = Math.floor((tokens.refreshExpiresAt.getTime() - c.var.ctx.now.getTime()) / 1000);
  setHttpOnlyCookie(c, config, config.sessionName, '/', tokens.accessToken, tokens.accessTtlSeconds);
  setHttpOnlyCookie(
    c,
    config,
    config.refreshName,
    config.refreshPath,
    tokens.refreshToken,
    refreshTtlSeconds,
  );
};

export const clearSessionCookies = (c: Context<AppEnv>, config: CookieConfig): void => {
  setHttpOnlyCookie(c, config, config.sessionName, '/', '', 0);
  setHttpOnlyCookie(c, config, config.refreshName, config.refreshPath, '', 0);
  // Who logs out of a browser leaves nothing in it.
  if (readCookies(c, config.signUpName).length > 0) setSignUpCookie(c, config, null);
};

/** Keeps what a sign-up has chosen, or ends it. The API and the pages both read it. */
export const setSignUpCookie = (c: Context<AppEnv>, config: CookieConfig, sealed: string | null): void =>
  setHttpOnlyCookie(
    c,
    config,
    config.signUpName,
    '/',
    sealed ?? '',
    sealed === null ? 0 : signUpAttemptTtlSeconds,
  );

/** Keeps an attempt to log in by a provider, or ends it. Lax whatever the others are: the answer comes from another site. */
export const setAttemptCookie = (c: Context<AppEnv>, config: CookieConfig, sealed: string | null): void => {
  const { attemptName, attemptPath } = config;
  const maxAge = sealed === null ? 0 : attemptTtlSeconds;
  setHttpOnlyCookie(c, { ...config, sameSite: 'lax' }, attemptName, attemptPath, sealed ?? '', maxAge);
};

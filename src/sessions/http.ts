import type { Context } from 'hono';
import { signUpAttemptTtlSeconds } from '../accounts/rules/sign-up.ts';
import { userResponse } from '../accounts/schema/users.ts';
import type { Config } from '../platform/config/schema.ts';
import { findAppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { readCookies, readSingleCookie, setHttpOnlyCookie } from '../platform/http/cookies.ts';
import type { Identify } from '../platform/http/identify.ts';
import { type IssuedTokens, type LogoutScope, offlineAccess } from './rules/session.ts';
import type { TokenResponse } from './schema.ts';
import type { PresentedTokens, Sessions } from './service.ts';

type CookieConfig = Config['cookies'];

export const setSessionCookies = (c: Context<AppEnv>, config: CookieConfig, tokens: IssuedTokens): void => {
  const { sessionName, refreshName, refreshPath } = config;
  const refreshTtlSeconds = Math.floor((tokens.refreshExpiresAt.getTime() - c.var.ctx.now.getTime()) / 1000);
  setHttpOnlyCookie(c, config, sessionName, '/', tokens.accessToken, tokens.accessTtlSeconds);
  setHttpOnlyCookie(c, config, refreshName, refreshPath, tokens.refreshToken, refreshTtlSeconds);
};

/** Clears the cookies of a session, and those of a sign-up that the browser has begun. */
export const clearSessionCookies = (c: Context<AppEnv>, config: CookieConfig): void => {
  setHttpOnlyCookie(c, config, config.sessionName, '/', '', 0);
  setHttpOnlyCookie(c, config, config.refreshName, config.refreshPath, '', 0);
  if (readCookies(c, config.signUpName).length > 0) setSignUpCookie(c, config, null);
};

/** Keeps a sign-up until its address is proved; null ends it. The API and the pages both read the cookie. */
export const setSignUpCookie = (c: Context<AppEnv>, config: CookieConfig, sealed: string | null): void => {
  const maxAge = sealed === null ? 0 : signUpAttemptTtlSeconds;
  setHttpOnlyCookie(c, config, config.signUpName, '/', sealed ?? '', maxAge);
};

/**
 * Responds with tokens: in cookies where the service takes them, and the refresh token in the body where it is asked
 * for.
 */
export const respondWithTokens = <Status extends 200 | 201 = 200>(
  c: Context<AppEnv>,
  { cookies, jwt }: Pick<Config, 'cookies' | 'jwt'>,
  tokens: IssuedTokens,
  {
    status = 200 as Status,
    refreshTokenInBody = tokens.scope === offlineAccess,
  }: { status?: Status; refreshTokenInBody?: boolean } = {},
) => {
  c.set('userId', tokens.account.id);
  if (jwt.locations.cookie) setSessionCookies(c, cookies, tokens);
  const body: TokenResponse = {
    access_token: tokens.accessToken,
    token_type: 'bearer',
    expires_in: tokens.accessTtlSeconds,
    expires_at: tokens.accessExpiresAt.toISOString(),
    ...(refreshTokenInBody && { refresh_token: tokens.refreshToken }),
    scope: tokens.scope,
    must_change_password: tokens.account.mustChangePassword,
    user: userResponse(tokens.account),
  };
  return c.json(body, status);
};

/**
 * Logs out by the tokens of a request. Cookies without a live session are cleared too, because they are useless.
 * @throws AppError for a malformed header, for a cookie that came twice, and what the logout throws
 */
export const createLogOut = (
  logout: Sessions['logout'],
  identify: Identify,
  { cookies, jwt }: Pick<Config, 'cookies' | 'jwt'>,
) => {
  const presentedTokens = async (c: Context<AppEnv>): Promise<PresentedTokens> => {
    const presented = await identify(c);
    if (presented.kind === 'malformed') throw presented.error;
    return {
      access: presented.kind === 'none' ? { kind: 'invalid' } : presented,
      refresh: jwt.locations.cookie ? readSingleCookie(c, cookies.refreshName) : null,
    };
  };

  return async (c: Context<AppEnv>, scope: LogoutScope): Promise<void> => {
    const tokens = await presentedTokens(c);
    try {
      await logout(c.var.ctx, tokens, scope);
    } catch (error) {
      if (findAppError(error)?.status === 401) clearSessionCookies(c, cookies);
      throw error;
    }
    // Logging out the other sessions keeps this one, and its cookies.
    if (scope !== 'others') clearSessionCookies(c, cookies);
  };
};

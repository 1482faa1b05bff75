import type { Context } from 'hono';
import { signUpAttemptTtlSeconds } from '../accounts/rules/sign-up.ts';
import { userResponse } from '../accounts/schema/users.ts';
import type { Config } from '../platform/config/schema.ts';
import { findAppError } from '../platform/errors.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { readCookies, setHttpOnlyCookie } from '../platform/http/cookies.ts';
import type { Identify } from '../platform/http/identify.ts';
import { type IssuedTokens, type LogoutScope, offlineAccess } from './rules/session.ts';
import type { TokenResponse } from './schema.ts';
import type { PresentedTokens, Sessions } from './service.ts';

type CookieConfig = Config['cookies'];
type LogOutConfig = Pick<Config, 'cookies' | 'jwt'>;

const setSessionCookies = (c: Context<AppEnv>, config: CookieConfig, tokens: IssuedTokens): void => {
  const { sessionName, refreshName, refreshPath, renewName, renewPath } = config;
  const refreshTtlSeconds = Math.floor((tokens.refreshExpiresAt.getTime() - c.var.ctx.now.getTime()) / 1000);
  setHttpOnlyCookie(c, config, sessionName, '/', tokens.accessToken, tokens.accessTtlSeconds);
  setHttpOnlyCookie(c, config, refreshName, refreshPath, tokens.refreshToken, refreshTtlSeconds);
  setHttpOnlyCookie(c, config, renewName, renewPath, '1', refreshTtlSeconds);
};

/** Gives the tokens of a session to the browser, where the service takes cookies, and the access token is for itself. */
export const keepTokens = (
  c: Context<AppEnv>,
  { cookies, jwt }: Pick<Config, 'cookies' | 'jwt'>,
  tokens: IssuedTokens,
): void => {
  c.set('userId', tokens.account.id);
  if (jwt.locations.cookie && tokens.audience === null) setSessionCookies(c, cookies, tokens);
};

/** Clears the cookies that `keepTokens` sets. */
export const clearTokens = (c: Context<AppEnv>, cookies: CookieConfig): void => {
  setHttpOnlyCookie(c, cookies, cookies.sessionName, '/', '', 0);
  setHttpOnlyCookie(c, cookies, cookies.refreshName, cookies.refreshPath, '', 0);
  setHttpOnlyCookie(c, cookies, cookies.renewName, cookies.renewPath, '', 0);
};

/**
 * Clears the cookies of a session, and those of a sign-up that the browser has begun. A service that takes no cookies has
 * set none.
 */
export const clearSessionCookies = (c: Context<AppEnv>, { cookies, jwt }: LogOutConfig): void => {
  if (!jwt.locations.cookie) return;
  clearTokens(c, cookies);
  if (readCookies(c, cookies.signUpName).length > 0) setSignUpCookie(c, cookies, null);
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
  config: Pick<Config, 'cookies' | 'jwt'>,
  tokens: IssuedTokens,
  {
    status = 200 as Status,
    refreshTokenInBody = tokens.scope === offlineAccess,
  }: { status?: Status; refreshTokenInBody?: boolean } = {},
) => {
  keepTokens(c, config, tokens);
  const body: TokenResponse = {
    access_token: tokens.accessToken,
    token_type: 'bearer',
    expires_in: tokens.accessTtlSeconds,
    // Older clients of OAuth 2 read a member of this name as a number, and then never refresh.
    ...(!c.var.isOAuthForm && { expires_at: tokens.accessExpiresAt.toISOString() }),
    ...(refreshTokenInBody && { refresh_token: tokens.refreshToken }),
    scope: tokens.scope,
    must_change_password: tokens.account.mustChangePassword,
    user: userResponse(tokens.account),
  };
  return c.json(body, status);
};

/**
 * Logs out by the tokens of a request. A header that holds no token does not keep the cookies from being ended, and
 * cookies that end nothing are cleared too, because they are useless.
 * @throws AppError for a malformed header where no token is recognized, and what the logout throws
 */
export const createLogOut = (logout: Sessions['logout'], identify: Identify, config: LogOutConfig) => {
  const { cookies, jwt } = config;
  const cookiesNamed = (c: Context<AppEnv>, name: string) =>
    jwt.locations.cookie ? readCookies(c, name).filter((token) => token !== '') : [];

  const presentedTokens = async (c: Context<AppEnv>): Promise<PresentedTokens> => {
    const presented = await identify(c);
    const isUnreadable = presented.kind === 'malformed';
    return {
      access: presented.kind === 'valid' || presented.kind === 'expired' ? presented : { kind: 'invalid' },
      unreadable: isUnreadable ? presented.error : null,
      spare: isUnreadable ? cookiesNamed(c, cookies.sessionName) : [],
      refresh: cookiesNamed(c, cookies.refreshName),
    };
  };

  return async (c: Context<AppEnv>, scope: LogoutScope = 'local'): Promise<void> => {
    const tokens = await presentedTokens(c);
    try {
      await logout(c.var.ctx, tokens, scope);
    } catch (error) {
      const status = findAppError(error)?.status;
      // One of two cookies of a name may be the session that stays while the others are logged out.
      if (status === 401 || (status === 400 && scope !== 'others')) clearSessionCookies(c, config);
      throw error;
    }
    // Logging out the other sessions keeps this one, and its cookies.
    if (scope !== 'others') clearSessionCookies(c, config);
  };
};

/**
 * Ends the session that a successful login in this browser replaces, after the response: its cookies are overwritten, so
 * nobody could use it or log it out. Only cookies count, because a token in a header belongs to a program that may go on
 * with it; and of two cookies of one name, a neighbour may have planted one.
 */
export const createReplaceSession =
  (logout: Sessions['logout'], identify: Identify, { cookies, jwt }: LogOutConfig) =>
  async (c: Context<AppEnv>): Promise<void> => {
    if (!jwt.locations.cookie) return;
    const presented = await identify(c);
    if (presented.kind === 'malformed' || (presented.kind !== 'none' && presented.source !== 'cookie'))
      return;
    const access = presented.kind === 'none' ? ({ kind: 'invalid' } as const) : presented;
    const refresh = readCookies(c, cookies.refreshName).filter((token) => token !== '');
    const tokens = { access, unreadable: null, spare: [], refresh: refresh.length === 1 ? refresh : [] };
    c.var.ctx.defer('end a replaced session', logout(c.var.ctx, tokens, 'local'));
  };

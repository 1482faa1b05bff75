import type { Context } from 'hono';
import { userResponse } from '../../accounts/schema/users.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { type IssuedTokens, offlineAccess } from '../rules/session.ts';
import type { TokenResponse } from '../schema/tokens.ts';
import { setSessionCookies } from './cookies.ts';

/** Where tokens go: cookies when they are an accepted location, the refresh token into the body when asked for. */
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

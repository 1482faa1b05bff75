import type { Context } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import { findAppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import type { Identify } from '../../platform/http/identify.ts';
import type { LogoutScope } from '../rules/session.ts';
import type { PresentedTokens } from '../service/logout.ts';
import { clearSessionCookies } from './cookies.ts';
import { createPresentedTokens } from './presented-tokens.ts';

export type Logout = (ctx: RequestContext, tokens: PresentedTokens, scope: LogoutScope) => Promise<void>;

/** A logout by what a request carries. Cookies that turn out to be of no live session are cleared too: they are useless. */
export const createLogOut = (logout: Logout, identify: Identify, config: Pick<Config, 'cookies' | 'jwt'>) => {
  const presentedTokens = createPresentedTokens(identify, config);
  return async (c: Context<AppEnv>, scope: LogoutScope): Promise<void> => {
    const tokens = await presentedTokens(c);
    try {
      await logout(c.var.ctx, tokens, scope);
    } catch (error) {
      if (findAppError(error)?.status === 401) clearSessionCookies(c, config.cookies);
      throw error;
    }
    // Logging the others out leaves this session as it is, and its cookies with it.
    if (scope !== 'others') clearSessionCookies(c, config.cookies);
  };
};

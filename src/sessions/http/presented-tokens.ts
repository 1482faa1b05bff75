import type { Context } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import type { Identify } from '../../platform/http/identify.ts';
import type { PresentedTokens } from '../service/logout.ts';

/** What a logout goes by. @throws AppError for a malformed header and for a cookie that came twice */
export const createPresentedTokens =
  (identify: Identify, { cookies, jwt }: Pick<Config, 'cookies' | 'jwt'>) =>
  async (c: Context<AppEnv>): Promise<PresentedTokens> => {
    const presented = await identify(c);
    if (presented.kind === 'malformed') throw presented.error;
    return {
      access: presented.kind === 'none' ? { kind: 'invalid' } : presented,
      refresh: jwt.locations.cookie ? readSingleCookie(c, cookies.refreshName) : null,
    };
  };

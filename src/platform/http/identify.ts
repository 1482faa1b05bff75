import type { Context } from 'hono';
import type { Config } from '../config/schema.ts';
import type { Actor } from '../context.ts';
import { AppError } from '../errors.ts';
import type { AccessVerdict } from '../rules/access-token.ts';
import type { AppEnv, Presented } from './app-env.ts';
import { readSingleCookie } from './cookies.ts';

/** The places of an access token: `JWT_TOKEN_LOCATION`, `JWT_HEADER_NAME`, `JWT_HEADER_TYPE`, the cookie's name. */
export type CredentialConfig = Pick<Config['jwt'], 'locations' | 'headerName' | 'headerType'> & {
  readonly cookieName: string;
};

/** The header that may carry a token, unparsed, or null. */
const readHeader = (c: Context<AppEnv>, { locations, headerName }: CredentialConfig): string | null =>
  (locations.header ? c.req.header(headerName) : undefined) ?? null;

/** The token of a header that reads `<type> <token>`, or null. */
const tokenOf = (header: string, type: string): string | null => {
  const [scheme = '', token = '', ...rest] = header.split(/ +/);
  return scheme.toLowerCase() === type.toLowerCase() && rest.length === 0 ? token || null : null;
};

/** Whether the header carries a token, valid or not. A browser by itself adds `Basic`, but never a token. */
export const carriesBearerToken = (c: Context<AppEnv>, config: CredentialConfig): boolean =>
  tokenOf(readHeader(c, config) ?? '', config.headerType) !== null;

/**
 * The access token of a request. The header takes precedence, and a malformed header is an error: falling back to the
 * cookie would act for an account that the client did not name.
 */
const readCredential = (c: Context<AppEnv>, config: CredentialConfig) => {
  const header = readHeader(c, config);
  if (header !== null) {
    const token = tokenOf(header, config.headerType);
    if (token !== null) return { token, source: 'bearer' } as const;
    throw new AppError('unauthenticated', {
      detail: `The header must read "${config.headerType} <access token>".`,
      tokenRejected: true,
    });
  }
  const cookie = config.locations.cookie ? readSingleCookie(c, config.cookieName) : null;
  return cookie === null ? null : ({ token: cookie, source: 'cookie' } as const);
};

/** The actor of a valid access token. @throws AppError `unauthenticated`, `token_expired`, `duplicate_cookie` */
export const actorOf = (presented: Presented): Actor => {
  switch (presented.kind) {
    case 'none':
      throw new AppError('unauthenticated');
    case 'malformed':
      throw presented.error;
    case 'invalid':
      throw new AppError('unauthenticated', {
        detail: 'The access token is not valid.',
        tokenRejected: true,
      });
    case 'expired':
      throw new AppError('token_expired');
    case 'valid': {
      const { userId, sessionId } = presented.claims;
      return { userId, sessionId, source: presented.source, goodUntil: presented.goodUntil };
    }
  }
};

export type Identify = (c: Context<AppEnv>) => Promise<Presented>;

type Options = {
  readonly verifyAccessToken: (token: string, now: Date) => Promise<AccessVerdict>;
  readonly credential: CredentialConfig;
};

/** Verifies the access token of a request once, and caches the result. Never throws because of a client's input. */
export const createIdentify = ({ verifyAccessToken, credential }: Options): Identify => {
  const identify = async (c: Context<AppEnv>): Promise<Presented> => {
    try {
      const presented = readCredential(c, credential);
      if (!presented) return { kind: 'none' };
      const verdict = await verifyAccessToken(presented.token, c.var.ctx.now);
      return { ...verdict, source: presented.source };
    } catch (error) {
      if (error instanceof AppError) return { kind: 'malformed', error };
      throw error;
    }
  };

  return async (c) => {
    const presented = c.var.presented ?? (await identify(c));
    c.set('presented', presented);
    if (presented.kind === 'valid') c.set('userId', presented.claims.userId);
    return presented;
  };
};

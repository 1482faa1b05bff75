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
  // A server takes blanks at the end off (RFC 9110 section 5.5); workerd does not.
  const [scheme = '', token = '', ...rest] = header.trim().split(/[ \t]+/);
  return scheme.toLowerCase() === type.toLowerCase() && rest.length === 0 ? token || null : null;
};

/** Whether the header names another scheme alone, as a proxy's `Basic` does. A token without a scheme names an account. */
const isOfAnotherScheme = (header: string, type: string): boolean =>
  /^[\w-]+[ \t]+\S/.test(header) &&
  header.split(',').every((part) => part.trim().split(/[ \t]/, 1)[0]?.toLowerCase() !== type.toLowerCase());

/** Whether the header carries a token, valid or not. A browser by itself adds `Basic`, but never a token. */
export const carriesBearerToken = (c: Context<AppEnv>, config: CredentialConfig): boolean =>
  tokenOf(readHeader(c, config) ?? '', config.headerType) !== null;

/**
 * The access token of a request. The header takes precedence, and a malformed header is an error: falling back to the
 * cookie would act for an account that the client did not name. A header of another scheme names none, so the cookie
 * counts beside it: browsers send what a proxy in front has asked for. `unreadable` is the error if the cookie is no good.
 */
const readCredential = (c: Context<AppEnv>, config: CredentialConfig) => {
  const header = readHeader(c, config);
  const token = header === null ? null : tokenOf(header, config.headerType);
  if (token !== null) return { token, source: 'bearer', unreadable: null } as const;
  const unreadable =
    header === null
      ? null
      : new AppError('unauthenticated', {
          detail: `The header must read "${config.headerType} <access token>".`,
          tokenRejected: true,
        });
  if (unreadable && !isOfAnotherScheme(header ?? '', config.headerType)) throw unreadable;
  const cookie = config.locations.cookie ? readSingleCookie(c, config.cookieName) : null;
  if (cookie !== null) return { token: cookie, source: 'cookie', unreadable } as const;
  if (unreadable) throw unreadable;
  return null;
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
      if (verdict.kind === 'invalid' && presented.unreadable) throw presented.unreadable;
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

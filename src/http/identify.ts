import type { Context } from 'hono';
import type { Config } from '../config/schema.ts';
import type { Actor } from '../context.ts';
import type { AccessClaims, AccessVerdict } from '../domain/access-token.ts';
import { AppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';
import { readSingleCookie } from './cookies.ts';

/** How an access token may come: `JWT_TOKEN_LOCATION`, `JWT_HEADER_NAME`, `JWT_HEADER_TYPE`, the cookie's name. */
export type CredentialConfig = Pick<Config['jwt'], 'locations' | 'headerName' | 'headerType'> & {
  readonly cookieName: string;
};

const fromHeader = (value: string, type: string): string => {
  const [scheme = '', token = '', ...rest] = type === '' ? ['', value] : value.split(/ +/);
  if (scheme.toLowerCase() !== type.toLowerCase() || token === '' || rest.length > 0) {
    throw new AppError('unauthenticated', {
      detail: `The header must read "${type} <access token>".`,
      tokenRejected: true,
    });
  }
  return token;
};

export const carriesHeaderCredential = (
  c: Context<AppEnv>,
  { locations, headerName }: CredentialConfig,
): boolean => locations.header && c.req.header(headerName) !== undefined;

/**
 * The access token that a request carries. The header wins, and a malformed one is an error: falling back
 * to the cookie would act for somebody whom the client did not name.
 */
const readCredential = (c: Context<AppEnv>, config: CredentialConfig) => {
  if (carriesHeaderCredential(c, config)) {
    const header = c.req.header(config.headerName) ?? '';
    return { token: fromHeader(header, config.headerType), source: 'bearer' } as const;
  }
  const cookie = config.locations.cookie ? readSingleCookie(c, config.cookieName) : null;
  return cookie === null ? null : ({ token: cookie, source: 'cookie' } as const);
};

/** What is known of a request's access token without the database. `malformed` has the error that tells why. */
export type Presented =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly error: AppError }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'valid' | 'expired'; readonly claims: AccessClaims; readonly source: Actor['source'] };

export type Identify = (c: Context<AppEnv>) => Promise<Presented>;

type Deps = {
  readonly verifyAccessToken: (token: string, now: Date) => Promise<AccessVerdict>;
  readonly credential: CredentialConfig;
};

/** Verifies the access token of a request, once however many ask. Never throws for what a client sent. */
export const createIdentify = ({ verifyAccessToken, credential }: Deps): Identify => {
  const identify = async (c: Context<AppEnv>): Promise<Presented> => {
    try {
      const presented = readCredential(c, credential);
      if (!presented) return { kind: 'none' };
      const verdict = await verifyAccessToken(presented.token, c.var.ctx.now);
      return verdict.kind === 'invalid' ? verdict : { ...verdict, source: presented.source };
    } catch (error) {
      if (error instanceof AppError) return { kind: 'malformed', error };
      throw error;
    }
  };

  return async (c) => {
    const presented = c.var.presented ?? (await identify(c));
    c.set('presented', presented);
    return presented;
  };
};

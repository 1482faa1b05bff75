import type { Context } from 'hono';
import type { Config } from '../config/schema.ts';
import type { Actor } from '../context.ts';
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

/**
 * The access token that a request carries. The header wins, and a malformed one is an error: falling back
 * to the cookie would act for somebody whom the client did not name.
 * @returns null when there is none; whether it is good is not known yet
 * @throws AppError `unauthenticated`, `duplicate_cookie`
 */
export const accessCredential = (
  c: Context<AppEnv>,
  { locations, headerName, headerType, cookieName }: CredentialConfig,
): { token: string; source: Actor['source'] } | null => {
  const header = locations.header ? c.req.header(headerName) : undefined;
  if (header !== undefined) return { token: fromHeader(header, headerType), source: 'bearer' };
  const cookie = locations.cookie ? readSingleCookie(c, cookieName) : null;
  return cookie === null ? null : { token: cookie, source: 'cookie' };
};

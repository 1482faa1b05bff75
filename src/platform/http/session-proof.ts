import type { Context } from 'hono';
import { type ErrorCode, findAppError } from '../errors.ts';
import type { AppEnv } from './app-env.ts';

/** Failures that a route which needs a login tells only after the database has found the session alive. */
const toldToLiveSessions: ReadonlySet<ErrorCode> = new Set([
  'conflict',
  'email_not_verified',
  'email_taken',
  'forbidden',
  'invalid_credentials',
  'login_locked',
  'not_found',
  'password_change_required',
  'precondition_failed',
  'range_not_satisfiable',
  'upload_not_clean',
  'upload_quota_exceeded',
  'username_taken',
]);

/**
 * Whether a request that has been answered showed that the session of its token lives. A good signature does not: tokens
 * outlive their sessions, and a request can end before anybody asks the database, by a body that is not valid for one.
 */
export const provesSession = (c: Context<AppEnv>): boolean => {
  if (c.var.sessionLives) return true;
  if (c.var.ctx.actor === null) return false;
  const error = findAppError(c.error);
  return error ? toldToLiveSessions.has(error.code) : c.res.status < 400;
};

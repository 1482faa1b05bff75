import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { RequestContext } from '../context.ts';
import { AppError, type FieldError, findAppError } from '../errors.ts';
import { contentRange } from '../rules/byte-range.ts';
import type { AppEnv } from './app-env.ts';
import { oauthError } from './oauth-error.ts';

/** RFC 9457, with our members `code`, `request_id` and `errors`; RFC 6749's two on the form of the token endpoint. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: readonly FieldError[];
  'violated-policies'?: readonly string[];
  error?: string;
  error_description?: string;
};

/** The problem type of draft-ietf-httpapi-ratelimit-headers, which generic clients know. */
const quotaExceeded = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

/** What Hono itself throws, in our words: its own messages are plain text. */
const fromHono = (error: HTTPException): AppError => {
  switch (error.status) {
    case 400:
      return new AppError('malformed_json', { cause: error });
    case 413:
      return new AppError('payload_too_large', { cause: error });
    default:
      return new AppError('internal_error', { cause: error });
  }
};

/** Any thrown value as an AppError; what we did not foresee is `internal_error`, with a fixed text. */
export const toAppError = (thrown: unknown): AppError =>
  findAppError(thrown) ??
  (thrown instanceof HTTPException ? fromHono(thrown) : new AppError('internal_error', { cause: thrown }));

/** RFC 6750 section 3.1: an error code only where a token was sent and was not good. */
const challenge = ({ code, tokenRejected }: AppError): string =>
  tokenRejected || code === 'token_expired' || code === 'session_revoked'
    ? `Bearer error="invalid_token", error_description="${code}"`
    : 'Bearer';

/** RFC 6749 section 5.2 has errors as application/json, and its clients read nothing else; who asks for that gets it. */
const mediaTypeOf = (c: Context<AppEnv>): string =>
  c.var.isOAuthForm && /^application\/json\b/i.test(c.req.header('Accept') ?? '')
    ? 'application/json'
    : 'application/problem+json';

/** The headers of every failure, whoever reads its body. */
export const setFailureHeaders = (
  c: Context<AppEnv>,
  error: AppError,
  status: number = error.status,
): void => {
  const { retryAfterSeconds, allow, wholeSize } = error;
  c.header('Cache-Control', 'no-store');
  if (status === 401) c.header('WWW-Authenticate', challenge(error));
  if (retryAfterSeconds !== undefined)
    c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))));
  if (allow) c.header('Allow', allow.join(', '));
  if (wholeSize !== undefined) c.header('Content-Range', contentRange(wholeSize, null));
};

/** For every failure, even one from before the request had a context. */
export const requestIdOf = (c: Context<AppEnv>): string =>
  (c.var.ctx as RequestContext | undefined)?.requestId ?? 'unknown';

/** The one serializer of every failure that a program reads. */
export const respondWithProblem = (c: Context<AppEnv>, error: AppError): Response => {
  const { code, title, detail, errors, violatedPolicies } = error;
  const oauth = c.var.isOAuthForm ? oauthError(error) : null;
  const status = oauth?.status ?? error.status;
  const problem: Problem = {
    type: violatedPolicies ? quotaExceeded : `/docs/errors#${code}`,
    title,
    status,
    detail,
    code,
    request_id: requestIdOf(c),
    ...(errors.length > 0 && { errors }),
    ...(violatedPolicies && { 'violated-policies': violatedPolicies }),
    ...(oauth && { error: oauth.error, error_description: detail }),
  };
  setFailureHeaders(c, error, status);
  return c.body(JSON.stringify(problem), status, { 'Content-Type': mediaTypeOf(c) });
};

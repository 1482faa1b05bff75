import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { RequestContext } from '../context.ts';
import { AppError, type FieldError, findAppError } from '../errors.ts';
import { contentRange } from '../rules/byte-range.ts';
import type { AppEnv } from './app-env.ts';

/** A problem of RFC 9457 with our members `code`, `request_id` and `errors`; for a form of OAuth 2 also those of RFC 6749. */
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

/** Our error for an exception of Hono, which would answer plain text. */
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

/** Any thrown value as an AppError; an unexpected one is `internal_error` with a fixed text. */
export const toAppError = (thrown: unknown): AppError =>
  findAppError(thrown) ??
  (thrown instanceof HTTPException ? fromHono(thrown) : new AppError('internal_error', { cause: thrown }));

/** RFC 6750 section 3.1: an error code only for a token that was sent and rejected. */
const challenge = ({ code, tokenRejected }: AppError): string => {
  // RFC 6749 section 5.2: the scheme by which the client has to authenticate.
  if (code === 'invalid_client') return 'Basic realm="itsor", charset="UTF-8"';
  return tokenRejected || code === 'token_expired' || code === 'session_revoked'
    ? `Bearer error="invalid_token", error_description="${code}"`
    : 'Bearer';
};

/** Clients of RFC 6749 section 5.2 read errors as application/json; they get it if they ask for it. */
const mediaTypeOf = (c: Context<AppEnv>): string =>
  c.var.isOAuthForm && /^application\/json\b/i.test(c.req.header('Accept') ?? '')
    ? 'application/json'
    : 'application/problem+json';

type OAuthError =
  | {
      readonly status: 400;
      readonly error: 'invalid_grant' | 'invalid_request' | 'invalid_target' | 'unsupported_grant_type';
    }
  | { readonly status: 401; readonly error: 'invalid_client' };

/** What is wrong with a request: the kind of grant, the audience (RFC 8707 section 2), or anything else. */
const invalidRequest = (errors: readonly FieldError[]) => {
  const names = (pointer: string) => errors.find((error) => error.pointer === pointer);
  if (names('/grant_type')?.code === 'unsupported') return 'unsupported_grant_type';
  return names('/resource') ? 'invalid_target' : 'invalid_request';
};

/** The status and error of RFC 6749 section 5.2 and RFC 8707; null for an error that they do not define. */
const oauthError = ({ code, errors }: AppError): OAuthError | null => {
  switch (code) {
    case 'invalid_credentials':
    case 'refresh_token_invalid':
    case 'refresh_token_reused':
    case 'session_revoked':
    case 'account_disabled':
    case 'email_not_verified':
      return { status: 400, error: 'invalid_grant' };
    case 'invalid_client':
      return { status: 401, error: 'invalid_client' };
    case 'validation_failed':
    case 'malformed_json':
      return { status: 400, error: invalidRequest(errors) };
    default:
      return null;
  }
};

/** The error with the fields at fault, in the characters of RFC 6749 section 5.2. */
const describe = ({ detail, errors }: AppError): string =>
  [detail, ...errors.map(({ pointer, detail: reason }) => `${pointer.slice(1)}: ${reason}`)]
    .join(' ')
    .replaceAll('"', "'")
    .replaceAll(/[^ -[\]-~]/g, '');

/** Sets the headers of a failure, for pages and problems alike. */
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

/** The id of the request; `unknown` for a failure before the request had a context. */
export const requestIdOf = (c: Context<AppEnv>): string =>
  (c.var.ctx as RequestContext | undefined)?.requestId ?? 'unknown';

/** Answers a failure as a problem. */
export const respondWithProblem = (c: Context<AppEnv>, error: AppError): Response => {
  const { code, title, detail, errors, violatedPolicies } = error;
  const oauth = c.var.isOAuthForm ? oauthError(error) : null;
  const status = oauth?.status ?? error.status;
  const problem: Problem = {
    type: violatedPolicies ? quotaExceeded : `${c.var.basePath ?? ''}/docs/errors#${code}`,
    title,
    status,
    detail,
    code,
    request_id: requestIdOf(c),
    ...(errors.length > 0 && { errors }),
    ...(violatedPolicies && { 'violated-policies': violatedPolicies }),
    ...(oauth && { error: oauth.error, error_description: describe(error) }),
  };
  setFailureHeaders(c, error, status);
  return c.body(JSON.stringify(problem), status, { 'Content-Type': mediaTypeOf(c) });
};

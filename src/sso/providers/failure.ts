import {
  AuthorizationResponseError,
  OperationProcessingError,
  PARSE_ERROR,
  RESPONSE_IS_NOT_CONFORM,
  RESPONSE_IS_NOT_JSON,
  ResponseBodyError,
  UnsupportedOperationError,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi';
import * as z from 'zod';
import { AppError } from '../../platform/errors.ts';
import type { Identified } from '../rules.ts';

/** The errors of the protocols (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 1.0 section 3.1.2.6) and of GitHub. */
const known: ReadonlySet<string> = new Set([
  'access_denied',
  'account_selection_required',
  'bad_verification_code',
  'consent_required',
  'incorrect_client_credentials',
  'interaction_required',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_token',
  'login_required',
  'redirect_uri_mismatch',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'unverified_user_email',
]);

/** A known error as it is, any other as `unknown_error`: callbacks and answers can hold any text, which must not be logged. */
const wordOf = (error: string): string => (known.has(error) ? error : 'unknown_error');

/** The error for a provider without a usable answer, which is not the person's fault. `reason` is a word of ours. */
export const unavailable = (provider: string, reason: string): AppError =>
  new AppError('service_unavailable', {
    detail: 'The provider cannot be reached at the moment. Please start the login again.',
    retryAfterSeconds: 5,
    // The library's own errors carry the answer, which can hold tokens.
    cause: new Error(`the identity provider ${provider}: ${reason}`),
  });

/** Tells a request that has timed out from a failure of the provider. @throws AppError `timeout` */
export const endedBy = <T>(request: AbortSignal, work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw request.aborted ? new AppError('timeout', { cause: request.reason }) : error;
  });

/** The result of an error in the provider's redirect. */
export const refusedAtRedirect = (provider: string, error: string): Identified => {
  if (error === 'access_denied') return { kind: 'denied' };
  if (error === 'server_error' || error === 'temporarily_unavailable') throw unavailable(provider, error);
  return { kind: 'failed', reason: wordOf(error) };
};

/** The result of an error in the answer to a code. Only errors of the code itself are the person's. */
export const refusedCode = (provider: string, error: string): Identified => {
  if (error === 'invalid_grant' || error === 'bad_verification_code' || error === 'unverified_user_email')
    return { kind: 'failed', reason: error };
  throw unavailable(provider, wordOf(error));
};

const noAnswer: ReadonlySet<string | undefined> = new Set([
  PARSE_ERROR,
  RESPONSE_IS_NOT_JSON,
  RESPONSE_IS_NOT_CONFORM,
]);

/** An invalid claim; the message is a word of ours. */
export class BadClaim extends Error {}

/** Whether a readable answer was invalid: a wrong issuer, nonce, audience, signature or time. */
const isBadAnswer = (error: unknown): error is OperationProcessingError | UnsupportedOperationError =>
  error instanceof UnsupportedOperationError ||
  (error instanceof OperationProcessingError && !noAnswer.has(error.code));

const ErrorBody = z.object({ error: z.string() });

/**
 * The error of an answer with WWW-Authenticate, which the library reports without reading the body. Where the client is
 * unknown, a token endpoint must answer 401 with the scheme that the client used (RFC 6749 section 5.2).
 */
const errorOfChallenge = async ({ response, status, cause }: WWWAuthenticateChallengeError) => {
  const body = ErrorBody.safeParse(await response.json().catch(() => null)).data;
  const said = body?.error ?? cause.find(({ parameters }) => parameters.error)?.parameters.error;
  return said ?? (status === 401 && cause.some(({ scheme }) => scheme === 'basic') ? 'invalid_client' : null);
};

/** The result of an error of the library. @throws AppError `service_unavailable` */
export const failureOf = async (provider: string, error: unknown): Promise<Identified> => {
  if (error instanceof AppError) throw error;
  if (error instanceof BadClaim) return { kind: 'failed', reason: error.message };
  if (error instanceof AuthorizationResponseError) return refusedAtRedirect(provider, error.error);
  if (error instanceof ResponseBodyError) {
    if (error.status >= 500) throw unavailable(provider, `answered ${error.status}`);
    return refusedCode(provider, error.error);
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    const said = await errorOfChallenge(error);
    if (said === null) throw unavailable(provider, `answered ${error.status}`);
    return refusedCode(provider, said);
  }
  if (isBadAnswer(error)) return { kind: 'failed', reason: error.code ?? 'bad_answer' };
  throw unavailable(provider, 'gave no answer');
};

import {
  AuthorizationResponseError,
  OperationProcessingError,
  PARSE_ERROR,
  RESPONSE_IS_NOT_CONFORM,
  RESPONSE_IS_NOT_JSON,
  ResponseBodyError,
  UnsupportedOperationError,
} from 'oauth4webapi';
import { AppError } from '../../platform/errors.ts';
import type { Identified } from '../rules/identity.ts';

/** Errors that the protocols name (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect Core 1.0 section 3.1.2.6, GitHub). */
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
  'login_required',
  'redirect_uri_mismatch',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'unverified_user_email',
]);

/** An error as a word that may be logged: anybody can write into a callback, and a provider into its answer. */
const wordOf = (error: string): string => (known.has(error) ? error : 'unknown_error');

/** The provider gave no answer that serves, which is nobody's fault who logs in. The reason is a word of ours. */
export const unavailable = (provider: string, reason: string): AppError =>
  new AppError('service_unavailable', {
    detail: 'The provider that was to tell who you are cannot be reached, so begin the login once more.',
    retryAfterSeconds: 5,
    // Not the error itself: those of the library carry the answer, and that can have tokens.
    cause: new Error(`the identity provider ${provider}: ${reason}`),
  });

/** Work for a request, whose own time may end it: that is no fault of the provider. @throws AppError `timeout` */
export const endedBy = <T>(request: AbortSignal, work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw request.aborted ? new AppError('timeout', { cause: request.reason }) : error;
  });

/** What the provider said at the redirect. */
export const refusedAtRedirect = (provider: string, error: string): Identified => {
  if (error === 'access_denied') return { kind: 'denied' };
  if (error === 'server_error' || error === 'temporarily_unavailable') throw unavailable(provider, error);
  return { kind: 'failed', reason: wordOf(error) };
};

/** What it said to the code. Of all that can be wrong, only the code is the person's. */
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

/** A claim that is not what it has to be, by a word of ours. */
export class BadClaim extends Error {}

/** Whether an answer could be read and was not good: a wrong issuer, nonce, audience, signature or time. */
const isBadAnswer = (error: unknown): error is OperationProcessingError | UnsupportedOperationError =>
  error instanceof UnsupportedOperationError ||
  (error instanceof OperationProcessingError && !noAnswer.has(error.code));

/** What an error of the library means. @throws AppError `service_unavailable` */
export const failureOf = (provider: string, error: unknown): Identified => {
  if (error instanceof AppError) throw error;
  if (error instanceof BadClaim) return { kind: 'failed', reason: error.message };
  if (error instanceof AuthorizationResponseError) return refusedAtRedirect(provider, error.error);
  if (error instanceof ResponseBodyError) {
    if (error.status >= 500) throw unavailable(provider, `answered ${error.status}`);
    return refusedCode(provider, error.error);
  }
  if (isBadAnswer(error)) return { kind: 'failed', reason: error.code ?? 'bad_answer' };
  throw unavailable(provider, 'gave no answer');
};

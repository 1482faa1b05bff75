/**
 * Every error a client can see: one code, one HTTP status, one title, and the sentence that is sent
 * when the place that throws has nothing more exact to say. The reference page, the OpenAPI document
 * and the tests derive from this table.
 */
export const errorCatalogue = {
  malformed_json: {
    status: 400,
    title: 'Malformed request body',
    detail: 'The body could not be read as UTF-8 JSON.',
  },
  duplicate_cookie: {
    status: 400,
    title: 'Duplicate session cookie',
    detail: 'The request has the session cookie twice, and we cannot tell which one to use.',
  },
  oauth_failed: {
    status: 400,
    title: 'Login with a provider failed',
    detail: 'The login with the provider failed; please start again.',
  },
  token_invalid: { status: 400, title: 'Token not valid', detail: 'The token is unknown, used or expired.' },

  unauthenticated: { status: 401, title: 'Authentication required', detail: 'Send a valid access token.' },
  invalid_client: {
    status: 401,
    title: 'Client not authenticated',
    detail: 'The id or the secret of the client is missing or wrong.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Wrong credentials',
    detail: 'The account or the password is wrong.',
  },
  token_expired: {
    status: 401,
    title: 'Access token expired',
    detail: 'Refresh the access token and try again.',
  },
  session_revoked: { status: 401, title: 'Session ended', detail: 'The session has ended; log in again.' },
  refresh_token_invalid: {
    status: 401,
    title: 'Refresh token not valid',
    detail: 'The refresh token is unknown or expired; log in again.',
  },
  refresh_token_reused: {
    status: 401,
    title: 'Refresh token reused',
    detail: 'The refresh token was used before, so the session was ended; log in again.',
  },

  forbidden: { status: 403, title: 'Not allowed', detail: 'Your account lacks the permission for this.' },
  csrf_rejected: {
    status: 403,
    title: 'Cross-site request refused',
    detail: 'The request comes from a site that is not allowed.',
  },
  email_not_verified: {
    status: 403,
    title: 'E-mail address not confirmed',
    detail: 'Confirm your e-mail address first.',
  },
  account_disabled: {
    status: 403,
    title: 'Account disabled',
    detail: 'The account is disabled; ask an administrator.',
  },
  password_change_required: {
    status: 403,
    title: 'Password change required',
    detail: 'Change your password first.',
  },
  upload_url_invalid: {
    status: 403,
    title: 'Upload URL not valid',
    detail: 'The URL was not made by this service, or was changed.',
  },
  turnstile_failed: {
    status: 403,
    title: 'Challenge failed',
    detail: 'The Turnstile challenge was not passed; load the form again.',
  },

  not_found: { status: 404, title: 'Not found', detail: 'There is nothing here.' },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'The Allow header lists the methods that this resource supports.',
  },

  email_taken: {
    status: 409,
    title: 'E-mail address taken',
    detail: 'An account has this e-mail address, or can still get it back.',
  },
  username_taken: { status: 409, title: 'User name taken', detail: 'An account with this user name exists.' },
  upload_not_clean: {
    status: 409,
    title: 'Upload not clean',
    detail: 'No scan has found the file clean yet.',
  },
  upload_quota_exceeded: {
    status: 409,
    title: 'Too many uploads',
    detail: 'The account has as many files as it may have; delete some first.',
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    detail: 'The resource has changed in the meantime; read it again.',
  },

  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    detail: 'The resource has changed since you read it; read it again and repeat your change.',
  },

  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    detail: 'The body is larger than this route accepts.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'This route does not accept a body of that Content-Type.',
  },

  range_not_satisfiable: {
    status: 416,
    title: 'Range not satisfiable',
    detail: 'The range lies outside the file; Content-Range tells the size of the file.',
  },

  validation_failed: {
    status: 422,
    title: 'Request not valid',
    detail: 'Some fields are not valid; see errors.',
  },
  upload_rejected: {
    status: 422,
    title: 'File refused',
    detail: 'The file is not what was declared, so it was not kept.',
  },
  weak_password: {
    status: 422,
    title: 'Password too weak',
    detail: 'The password does not meet the policy; see errors.',
  },

  rate_limited: { status: 429, title: 'Too many requests', detail: 'Wait as long as Retry-After says.' },
  login_locked: {
    status: 429,
    title: 'Too many attempts',
    detail: 'Too many failed attempts; wait as long as Retry-After says.',
  },

  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something went wrong on our side. The request_id helps to find it.',
  },

  misconfigured: {
    status: 503,
    title: 'Service misconfigured',
    detail: 'The configuration is not valid; see errors.',
  },
  service_unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail: 'A service that this request needs cannot be reached; try again later.',
  },
  overloaded: {
    status: 503,
    title: 'Service overloaded',
    detail: 'Too many requests are waiting; try again later.',
  },
  uploads_disabled: {
    status: 503,
    title: 'Uploads disabled',
    detail: 'No scanner is configured, so files are not accepted.',
  },

  timeout: {
    status: 504,
    title: 'Timed out',
    detail:
      'The request took too long. It may have been carried out all the same: check before you send it again.',
  },
} as const satisfies Record<string, { status: number; title: string; detail: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** Refusals of status 503 that nothing has failed for: the log names them, without an error and its stack. */
export const expectedRefusals: ReadonlySet<ErrorCode> = new Set(['uploads_disabled', 'overloaded']);

/** One refused member of a request: an RFC 6901 pointer into it, a stable code, a sentence for a person. */
export type FieldError = { pointer: string; code: string; detail: string };

type AppErrorOptions = {
  detail?: string;
  errors?: readonly FieldError[];
  /** Sent as Retry-After; whole seconds, at least 1. */
  retryAfterSeconds?: number;
  /** For `unauthenticated`: a token was sent and was not good (RFC 6750 section 3.1, `invalid_token`). */
  tokenRejected?: boolean;
  /** For `rate_limited`: the names of the policies that were exceeded. */
  violatedPolicies?: readonly string[];
  /** For `method_not_allowed`: the methods that the resource has. */
  allow?: readonly string[];
  /** For `range_not_satisfiable`: of the whole, in bytes. */
  wholeSize?: number;
  cause?: unknown;
};

/** The only error that services throw; the problem+json serializer turns it into a response. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: (typeof errorCatalogue)[ErrorCode]['status'];
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];
  readonly retryAfterSeconds: number | undefined;
  readonly tokenRejected: boolean;
  readonly violatedPolicies: readonly string[] | undefined;
  readonly allow: readonly string[] | undefined;
  readonly wholeSize: number | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const { status, title, detail } = errorCatalogue[code];
    super(`${code}: ${options.detail ?? detail}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = status;
    this.title = title;
    this.detail = options.detail ?? detail;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.tokenRejected = options.tokenRejected ?? false;
    this.violatedPolicies = options.violatedPolicies;
    this.allow = options.allow;
    this.wholeSize = options.wholeSize;
  }
}

/** The AppError in an error's chain of causes (Drizzle wraps what its driver throws), or undefined. */
export const findAppError = (error: unknown): AppError | undefined => {
  for (
    let current = error, depth = 0;
    current instanceof Error && depth < 8;
    current = current.cause, depth++
  ) {
    if (current instanceof AppError) return current;
  }
  return undefined;
};

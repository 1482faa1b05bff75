import type { AppError, ErrorCode } from '../errors.ts';

/** A form that was not accepted: what was typed and what was wrong with it. No page shows a secret again. */
export type Failure = {
  readonly form: string;
  readonly values: Readonly<Record<string, string>>;
  readonly error: AppError;
};

/** Where the catalogue speaks to programs, in words for people. */
const sentences: Partial<Record<ErrorCode, string>> = {
  token_invalid: 'It is no longer good. It may have been used already, have expired, or be mistyped.',
  unauthenticated: 'You are not logged in.',
  token_expired: 'Your session needs a new login.',
  session_revoked: 'Your session has ended. Please log in again.',
  csrf_rejected:
    'The form came from another site, so nothing was done. Open your account page and try again.',
  conflict: 'Your account was changed at the same moment. Please try again.',
  malformed_json: 'The form could not be read. Please try again.',
  turnstile_failed: 'New accounts are not made on this page.',
  validation_failed: 'Please correct what is named below.',
  weak_password: 'Please choose another password.',
  rate_limited: 'There were too many requests.',
  login_locked: 'There were too many failed attempts.',
  internal_error: 'Something went wrong on our side.',
  misconfigured: 'The service is not set up properly.',
};

/** Of a logout of the other devices by a session that has ended. */
const loggedOutAlready =
  'You are logged out here already; nothing was done to the other devices. Log in again, or reset your password if you fear that somebody else has it.';

/** What a code means in one form, and of which field it speaks. */
type Meaning = { readonly sentence: string; readonly field?: string };
const meanings: Readonly<Record<string, Partial<Record<ErrorCode, Meaning>>>> = {
  password: {
    invalid_credentials: { sentence: 'Your current password is a different one.', field: 'current_password' },
  },
  email: { invalid_credentials: { sentence: 'Your password is a different one.', field: 'password' } },
  code: {
    token_invalid: {
      sentence:
        'The code is not good: mistyped, used already, or too old. After five tries you need a new one.',
      field: 'code',
    },
    login_locked: {
      sentence:
        'There were too many wrong codes for this address. The link in the message still works; codes do again tomorrow.',
    },
  },
  identity: {
    not_found: { sentence: 'That way to log in is taken away already.' },
    conflict: {
      sentence: 'It is the only way to log in to your account. Set a password first.',
    },
  },
  session: { not_found: { sentence: 'That device is logged out already.' } },
  logout: {
    session_revoked: { sentence: loggedOutAlready },
    refresh_token_invalid: { sentence: loggedOutAlready },
    token_expired: { sentence: loggedOutAlready },
    unauthenticated: { sentence: loggedOutAlready },
  },
};
const meaningOf = ({ form, error }: Failure): Meaning | undefined => meanings[form]?.[error.code];

const inWords = (seconds: number): string =>
  seconds > 90 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.max(1, Math.ceil(seconds))} seconds`;

/** What went wrong as a whole, for whoever reads the page. */
export const sentenceOf = ({ code, detail, retryAfterSeconds }: AppError): string => {
  const sentence = sentences[code] ?? detail;
  return retryAfterSeconds === undefined
    ? sentence
    : `${sentence} Please try again in ${inWords(retryAfterSeconds)}.`;
};

/** What went wrong with a form as a whole. */
export const headlineOf = (failure: Failure): string =>
  meaningOf(failure)?.sentence ?? sentenceOf(failure.error);

export type FieldFailure = { readonly field: string; readonly reason: string };

/** What was wrong with single fields, in the order of the form's own checks. */
export const fieldFailures = (failure: Failure): FieldFailure[] => {
  const field = meaningOf(failure)?.field;
  if (field) return [{ field, reason: 'not the right one' }];
  return failure.error.errors.map(({ pointer, code, detail }) => ({
    field: pointer.slice(1),
    reason: code === 'required' ? 'must not be empty' : detail,
  }));
};

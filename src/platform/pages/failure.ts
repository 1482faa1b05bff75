import type { AppError, ErrorCode } from '../errors.ts';

/** A form that was refused, with its values and the error. No page shows a secret again. */
export type Failure = {
  readonly form: string;
  readonly values: Readonly<Record<string, string>>;
  readonly error: AppError;
};

/** Sentences for people, where the error catalogue has words for programs. */
const sentences: Partial<Record<ErrorCode, string>> = {
  token_invalid: 'It has expired, was used already, or is incomplete. Open the link of our newest message.',
  unauthenticated: 'You are not logged in.',
  token_expired: 'Please log in again.',
  session_revoked: 'Your session has ended. Please log in again.',
  csrf_rejected:
    'The form came from another site, so nothing was done. Open your account page and try again.',
  conflict: 'Your account was changed at the same moment. Please try again.',
  malformed_json: 'The form could not be read. Please try again.',
  turnstile_failed: 'The check that you are a person has failed. Please try again.',
  validation_failed: 'Please correct what is named below.',
  weak_password: 'Please choose another password.',
  rate_limited: 'There were too many requests.',
  login_locked:
    'There were too many failed attempts. If you have forgotten your password, you can set a new one now.',
  internal_error: 'Something went wrong on our side.',
  misconfigured: 'The service is not set up properly.',
};

/** For a session that has already ended when it logs out the other devices. */
const loggedOutAlready =
  'You were already logged out here, so we could not log out your other devices. Log in again and log them out, or set a new password if someone else may know yours.';

/** The meaning of an error code in one form, and the field that it concerns. */
type Meaning = { readonly sentence: string; readonly field?: string };
const meanings: Readonly<Record<string, Partial<Record<ErrorCode, Meaning>>>> = {
  password: {
    invalid_credentials: { sentence: 'This is not your current password.', field: 'current_password' },
  },
  signup: {
    email_taken: {
      sentence:
        'An account has this e-mail address, or can still get it back. If you have just created it, log in with the password that you chose; if you do not know its password, choose “Forgot your password?”.',
    },
  },
  login: {
    turnstile_failed: {
      sentence: 'After several failed attempts we have to check that you are a person. Please try again.',
    },
  },
  email: { invalid_credentials: { sentence: 'This is not your password.', field: 'password' } },
  code: {
    token_invalid: {
      sentence:
        'This code does not work: it is mistyped, expired, used already, or not from our newest message. After five wrong codes, only the link in the message works.',
      field: 'code',
    },
    login_locked: {
      sentence: 'There were too many wrong codes for this address. Open the link in our message instead.',
    },
  },
  identity: {
    not_found: { sentence: 'That way to log in was already removed.' },
    conflict: {
      sentence: 'This is the only way to log in to your account. Set a password first.',
    },
  },
  session: { not_found: { sentence: 'That device was already logged out.' } },
  logout: {
    session_revoked: { sentence: loggedOutAlready },
    refresh_token_invalid: { sentence: loggedOutAlready },
    token_expired: { sentence: loggedOutAlready },
    unauthenticated: { sentence: loggedOutAlready },
  },
};
const meaningOf = ({ form, error }: Failure): Meaning | undefined => meanings[form]?.[error.code];

const inWords = (seconds: number): string => {
  if (seconds > 5400) return `${Math.ceil(seconds / 3600)} hours`;
  if (seconds > 90) return `${Math.ceil(seconds / 60)} minutes`;
  return seconds > 1 ? `${Math.ceil(seconds)} seconds` : '1 second';
};

/** The failure in one sentence for the reader of a page. */
export const sentenceOf = ({ code, detail, retryAfterSeconds }: AppError, meaning?: Meaning): string => {
  const sentence = meaning?.sentence ?? sentences[code] ?? detail;
  return retryAfterSeconds === undefined
    ? sentence
    : `${sentence} Please try again in ${inWords(retryAfterSeconds)}.`;
};

/** The failure of a form in one sentence. */
export const headlineOf = (failure: Failure): string => sentenceOf(failure.error, meaningOf(failure));

export type FieldFailure = { readonly field: string; readonly reason: string };

/** The failures of single fields, in the order of the form's checks. */
export const fieldFailures = (failure: Failure): FieldFailure[] => {
  const meant = meaningOf(failure)?.field;
  const others = failure.error.errors.map(({ pointer, code, detail }) => ({
    field: pointer.slice(1),
    reason: code === 'required' ? 'must not be empty' : detail,
  }));
  if (meant === undefined) return others;
  return [{ field: meant, reason: 'not the right one' }, ...others.filter(({ field }) => field !== meant)];
};

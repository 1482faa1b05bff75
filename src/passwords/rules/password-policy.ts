import { type AccountNames, accountWords, isMadeOf } from './account-words.ts';

/** One reason why a password is not taken, in words that a person can act on. */
export type PasswordProblem = {
  readonly code: 'too_short' | 'too_long' | 'contains_account' | 'unchanged' | 'too_guessable' | 'leaked';
  readonly detail: string;
};

/** `minLength` in characters. */
export type PasswordPolicy = { readonly minLength: number };

export type PasswordChoice = AccountNames & {
  readonly password: string;
  /** The password that is replaced, where it is known in clear. */
  readonly current?: string;
};

/** `score` from 0 to 4, as zxcvbn defines it; `advice` says what makes the password weak and what would help. */
export type StrengthEstimate = { readonly score: number; readonly advice: readonly string[] };

/** What the hasher takes; a longer password is refused rather than cut (NIST SP 800-63B-4 section 3.1.1.2). */
const maxBytes = 1024;

/** Safe against 10^8 guesses: what a slow hash has to be able to count on once the database is stolen. */
const minScore = 3;

const encoder = new TextEncoder();

/** The one form in which a password is hashed, compared and judged. */
export const canonicalPassword = (password: string): string => password.normalize('NFKC');

/**
 * Code points, as NIST SP 800-63B-4 section 3.1.1.2 counts: the same on every system and in every Unicode
 * version, as graphemes are not. One that NFKC writes out (U+FDFA, as 18) was still one to type, and to guess.
 */
const countCharacters = (password: string): number =>
  Math.min([...password].length, [...canonicalPassword(password)].length);

/** The rules that need nothing but the words themselves; every reason at once. */
export const passwordProblems = (
  { password, current, ...names }: PasswordChoice,
  { minLength }: PasswordPolicy,
): PasswordProblem[] => {
  const problems: PasswordProblem[] = [];
  const refuse = (code: PasswordProblem['code'], detail: string) => problems.push({ code, detail });

  if (countCharacters(password) < minLength) refuse('too_short', `at least ${minLength} characters`);
  if (encoder.encode(password).byteLength > maxBytes) refuse('too_long', `at most ${maxBytes} bytes`);
  if (isMadeOf(password, accountWords(names)))
    refuse(
      'contains_account',
      'must not be your e-mail address, your user name or the name of this service, nor a variation of them',
    );
  if (current !== undefined && canonicalPassword(password) === canonicalPassword(current))
    refuse('unchanged', 'must differ from the current password');
  return problems;
};

export const strengthProblems = ({ score, advice }: StrengthEstimate): PasswordProblem[] =>
  score < minScore ? [{ code: 'too_guessable', detail: `too easy to guess: ${advice.join('; ')}` }] : [];

export const leakedProblem: PasswordProblem = {
  code: 'leaked',
  detail: 'is on lists of leaked passwords; choose one that you have used nowhere else',
};

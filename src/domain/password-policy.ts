/** One reason why a password is not taken, in words that a person can act on. */
export type PasswordProblem = { readonly code: 'too_short'; readonly detail: string };

export type PasswordPolicy = { readonly minLength: number };

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Length as a person counts it: characters of the form that is hashed, not code units. */
const countCharacters = (password: string): number =>
  [...segmenter.segment(password.normalize('NFKC'))].length;

/**
 * Every reason why a password may not be set; none for a good one. For setting a password, never for
 * comparing one: who has a weaker one from before can still log in.
 */
export const passwordProblems = (password: string, { minLength }: PasswordPolicy): PasswordProblem[] =>
  countCharacters(password) < minLength
    ? [{ code: 'too_short', detail: `at least ${minLength} characters` }]
    : [];

/** The names that an attacker tries first against one account. */
export type AccountNames = { readonly email: string; readonly username: string | null };

/** As easy a guess as the names of the account. */
const serviceName = 'itsor';

const leet: Readonly<Record<string, string>> = {
  a: '4@',
  b: '8',
  c: '(<',
  e: '3',
  g: '69',
  h: '#',
  i: '1!|',
  l: '1!|7',
  o: '0',
  s: '5$',
  t: '7+',
  z: '2',
};

const isLetter = /^\p{L}$/u;

/** Without case, accents and compatibility forms. */
const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

const spells = (sign: string, letter: string): boolean =>
  sign === letter || (leet[letter]?.includes(sign) ?? false);

const namesOf = ({ email, username }: AccountNames): string[] =>
  [email, ...email.split('@'), username ?? '', serviceName].filter((name) => name !== '');

/** The runs of letters and digits in the names, each as it is and without its digits. */
export const accountWords = (account: AccountNames): string[] => {
  const words = fold(namesOf(account).join(' ')).match(/[\p{L}\p{N}]+/gu) ?? [];
  const lettersOnly = words.map((word) => word.replace(/\p{N}/gu, ''));
  return [...new Set([...words, ...lettersOnly])].filter((word) => word !== '');
};

/** The names of the account as they are written, and their words: good guesses at its password. */
export const guessableWords = (account: AccountNames): string[] => [
  ...new Set([...namesOf(account), ...accountWords(account)]),
];

/**
 * Whether a text consists of some of the words, forwards or backwards and repeated at will, in any case, in leet, with
 * digits and punctuation anywhere. It follows every reading at once, so that none is tried twice.
 */
export const isMadeOf = (text: string, words: readonly string[]): boolean => {
  const spelled = words.map((word) => [...word]).flatMap((letters) => [letters, letters.toReversed()]);
  /** For each word, how many of its letters may have been read. */
  let underWay = spelled.map((): ReadonlySet<number> => new Set());
  let noWordYet = true;
  let atWordEnd = false;

  for (const sign of fold(text)) {
    const isFiller = !isLetter.test(sign);
    const mayStart = noWordYet || atWordEnd;
    let endsWord: boolean = isFiller && atWordEnd;
    underWay = spelled.map((letters, word) => {
      const read = new Set<number>();
      for (const count of [...(mayStart ? [0] : []), ...(underWay[word] ?? [])]) {
        if (isFiller && count > 0) read.add(count);
        if (!spells(sign, letters[count] ?? '')) continue;
        if (count + 1 === letters.length) endsWord = true;
        else read.add(count + 1);
      }
      return read;
    });
    noWordYet &&= isFiller;
    atWordEnd = endsWord;
    if (!noWordYet && !atWordEnd && underWay.every(({ size }) => size === 0)) return false;
  }
  return atWordEnd;
};

/** One reason why a password is refused, in words that a person can act on. */
export type PasswordProblem = {
  readonly code: 'too_short' | 'too_long' | 'contains_account' | 'unchanged' | 'too_guessable' | 'leaked';
  readonly detail: string;
};

/** `minLength` in characters. */
export type PasswordPolicy = { readonly minLength: number };

export type PasswordChoice = AccountNames & {
  readonly password: string;
  /** The password that this one replaces, where it is known in clear. */
  readonly current?: string;
};

/** `score` from 0 to 4, as zxcvbn defines it; `advice` says what makes the password weak and what would help. */
export type StrengthEstimate = { readonly score: number; readonly advice: readonly string[] };

/** @param knownWords what is known of the account, and as easy a guess as a common word */
export type EstimateStrength = (password: string, knownWords: readonly string[]) => StrengthEstimate;

/** The hasher takes this many; a longer password is refused rather than cut (NIST SP 800-63B-4 section 3.1.1.2). */
const maxBytes = 1024;

/** Safe against 10^8 guesses, so that a slow hash still protects the password once the database is stolen. */
const minScore = 3;

const encoder = new TextEncoder();

/** The one form in which a password is hashed, compared and judged. */
export const canonicalPassword = (password: string): string => password.normalize('NFKC');

/**
 * Code points, as NIST SP 800-63B-4 section 3.1.1.2 counts: the same on every system and in every Unicode
 * version, as graphemes are not. A character that NFKC writes as 18 (U+FDFA) was still one to type, and to guess.
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

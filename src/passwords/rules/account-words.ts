/** What an attacker tries first against one account; the name of the service is as easy a guess. */
export type AccountNames = { readonly email: string; readonly username: string | null };

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

/** What the names are made of: letters and digits, each run as it is and without its digits. */
export const accountWords = (account: AccountNames): string[] => {
  const words = fold(namesOf(account).join(' ')).match(/[\p{L}\p{N}]+/gu) ?? [];
  const lettersOnly = words.map((word) => word.replace(/\p{N}/gu, ''));
  return [...new Set([...words, ...lettersOnly])].filter((word) => word !== '');
};

/** All that makes a guess at this account a good one: its names as they are written, and their words. */
export const guessableWords = (account: AccountNames): string[] => [
  ...new Set([...namesOf(account), ...accountWords(account)]),
];

/**
 * Whether a text is nothing but some of the words, forwards or backwards and as often as one likes, in any case,
 * in leet, with digits and punctuation anywhere. Follows every reading at once, so that none is tried twice.
 */
export const isMadeOf = (text: string, words: readonly string[]): boolean => {
  const spelled = words.map((word) => [...word]).flatMap((letters) => [letters, letters.toReversed()]);
  /** Per word, how many of its letters may have been read. */
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

/**
 * SHA-256 of the static asset with the common words and passwords, as `scripts/build-assets.ts` makes it of the
 * installed `@zxcvbn-ts/language-common`. Another list judges passwords otherwise: compare scores before you change it.
 */
export const dictionarySha256 = '35cedab97801c11680703bb29c9603c43f8e3fecd0564c6421667c1995b201ad';

/** Named after its content, so that a Worker never finds the asset of another build. */
export const dictionaryFile = `password-dictionary.${dictionarySha256.slice(0, 16)}.txt`;

/** The estimator ranks all words of a list of this name alike; in `passwords`, the most used come first. */
const listNames = ['diceware', 'passwords'] as const;
type ListName = (typeof listNames)[number];

export type PasswordDictionary = {
  /** Places in the lists, from 1. They can be looked up, and not listed. */
  readonly ranks: Record<ListName, Record<string, number>>;
  /** The length of the longest word of each list. */
  readonly longest: Record<ListName, number>;
};

/** A word a line, and an empty line between the lists. */
export const formatDictionary = (lists: Readonly<Record<ListName, readonly string[]>>): string =>
  listNames.map((name) => lists[name].map((word) => `${word}\n`).join('')).join('\n');

const tableCount = 64;

/**
 * An object for the words of a list. One of 50,000 keys keeps the thread for many milliseconds each time that it grows,
 * so the words are in small ones: the longest stretch is less than half as long.
 */
const createRanks = (): Record<string, number> => {
  const tables = Array.from({ length: tableCount }, (): Record<string, number> => ({}));
  const tableOf = (word: string) => {
    const spread = word.charCodeAt(0) + 7 * word.charCodeAt(word.length - 1) + word.length;
    return tables[spread % tableCount || 0] ?? {};
  };
  return new Proxy<Record<string, number>>(
    {},
    {
      get: (_, word) => tableOf(String(word))[String(word)],
      set: (_, word, rank: number) => {
        tableOf(String(word))[String(word)] = rank;
        return true;
      },
    },
  );
};

/** Words that are ranked between two pauses. */
const batchSize = 512;

/**
 * The dictionary of a text that `formatDictionary` has written.
 * @param pause called after every few words: to rank all of them in one go would keep other requests waiting
 */
export const rankWords = async (
  text: string,
  pause: (words: number) => Promise<void>,
): Promise<PasswordDictionary> => {
  const lists = text.split('\n\n');
  const ranks = { diceware: createRanks(), passwords: createRanks() };
  const longest = { diceware: 0, passwords: 0 };
  for (const [at, name] of listNames.entries()) {
    const words = lists[at]?.trimEnd().split('\n') ?? [];
    for (const [index, word] of words.entries()) {
      ranks[name][word] = index + 1;
      longest[name] = Math.max(longest[name], word.length);
      if ((index + 1) % batchSize === 0) await pause(batchSize);
    }
  }
  return { ranks, longest };
};

import { Options, type TranslationKeys, ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs } from '@zxcvbn-ts/language-common';
import type { PasswordDictionary } from '../rules/dictionary.ts';
import type { EstimateStrength } from '../rules/password-policy.ts';

// Import this file dynamically only: a login works without the estimator.

/** The estimator's time grows faster than the length, and more characters would not make a weak password stronger. */
const maxEstimatedLength = 100;

/** Readings of a password as leet: the cost is their number, times the password's length, times the longest word's. */
const maxLeetReadings = 20;

/** The longest local part (RFC 5321 section 4.5.3.1.1). */
const maxWordLength = 64;

const common = 'it is one of the most used passwords';
const row = 'it follows the keys of a keyboard';
const guessableYear = 'it relies on a year';
const name = 'it relies on a name';
const withoutDates = 'leave out dates and years, above all your own';

const warnings: TranslationKeys['warnings'] = {
  straightRow: row,
  keyPattern: row,
  simpleRepeat: 'it repeats one character',
  extendedRepeat: 'it repeats the same few characters',
  sequences: 'it follows a sequence such as abc or 6543',
  recentYears: guessableYear,
  dates: 'it relies on a date',
  topTen: common,
  topHundred: common,
  common,
  similarToCommon: 'it is close to a much used password',
  wordByItself: 'it is a single word',
  namesByThemselves: name,
  commonNames: name,
  userInputs: 'it relies on what is known of your account',
  pwned: 'it is on lists of leaked passwords',
};

const suggestions: TranslationKeys['suggestions'] = {
  l33t: 'signs in place of letters hardly help',
  reverseWords: 'words spelled backwards hardly help',
  allUppercase: 'capitals throughout hardly help',
  capitalization: 'a capital at the start hardly helps',
  dates: withoutDates,
  recentYears: withoutDates,
  associatedYears: withoutDates,
  sequences: 'leave out sequences',
  repeated: 'repeating a word hardly helps',
  longerKeyboardPattern: 'leave out runs of neighbouring keys',
  anotherWord: 'add a word or two that nobody would expect',
  useWords: 'use several words that have nothing to do with each other',
  noNeed: 'it needs no digits, signs or capitals',
  pwned: 'choose one that you have used nowhere else',
};

/**
 * Makes a function that estimates how hard a password is to guess for an attacker who knows the common ones and this
 * account. It judges the first 100 UTF-16 units, in at most about 0.1 s.
 */
export const createEstimateStrength = ({ ranks, longest }: PasswordDictionary): EstimateStrength => {
  const zxcvbn = new ZxcvbnFactory({
    graphs: adjacencyGraphs,
    translations: { ...new Options().translations, warnings, suggestions },
    maxLength: maxEstimatedLength,
    l33tMaxSubstitutions: maxLeetReadings,
  });
  // Its option `dictionary` takes lists, and ranks all words in one go.
  const { options } = zxcvbn as unknown as { readonly options: Options };
  options.rankedDictionaries = ranks;
  options.rankedDictionariesMaxWordSize = longest;

  return (password, knownWords) => {
    const words = knownWords.filter(({ length }) => length <= maxWordLength);
    const { score, feedback } = zxcvbn.check(password, words);
    const advice = feedback.warning ? [feedback.warning, ...feedback.suggestions] : feedback.suggestions;
    return { score, advice: [...new Set(advice)] };
  };
};

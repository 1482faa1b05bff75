import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accountWords,
  isMadeOf,
  type PasswordChoice,
  passwordProblems,
  strengthProblems,
} from '../../src/passwords/rules/password-policy.ts';

const policy = { minLength: 14 };
const fine = 'wandering otters juggle';
const choose = (password: string, choice: Partial<PasswordChoice> = {}): PasswordChoice => ({
  email: 'ada.lovelace@example.com',
  username: 'countess',
  ...choice,
  password,
});
const codesOf = (password: string, choice: Partial<PasswordChoice> = {}, rules = policy) =>
  passwordProblems(choose(password, choice), rules).map(({ code }) => code);

describe('the length of a password', () => {
  it('is at least the configured number of characters', () => {
    expect(passwordProblems(choose(fine.slice(0, 13)), policy)).toEqual([
      { code: 'too_short', detail: 'at least 14 characters' },
    ]);
    expect(codesOf(fine.slice(0, 14))).toEqual([]);
    expect(codesOf(fine.slice(0, 14), {}, { minLength: 15 })).toEqual(['too_short']);
  });

  it.each([
    ['13 emoji of two UTF-16 units', '\u{1f512}'.repeat(13), ['too_short']],
    ['14 of them', '\u{1f512}'.repeat(14), []],
    ['13 letters with an accent of their own, which NFKC composes', 'e\u0301'.repeat(13), ['too_short']],
    ['14 of them', 'e\u0301'.repeat(14), []],
    ['5 emoji of three code points', '\u{1f469}\u200d\u{1f680}'.repeat(5), []],
    ['one sign that NFKC writes out as 18 characters', '\ufdfa', ['too_short']],
    ['14 blanks of other scripts', '\u3000'.repeat(14), []],
  ])('counts code points: %s', (_, password, codes) => {
    expect(codesOf(password)).toEqual(codes);
  });

  it('is at most 1,024 bytes, the limit of the hasher', () => {
    expect(codesOf('ü'.repeat(512))).toEqual([]);
    expect(passwordProblems(choose(`${'ü'.repeat(512)}x`), policy)).toEqual([
      { code: 'too_long', detail: 'at most 1024 bytes' },
    ]);
  });
});

describe('a password that is the account or the service', () => {
  it.each([
    ['the address', 'ada.lovelace@example.com'],
    ['the address in capitals', 'ADA.LOVELACE@EXAMPLE.COM'],
    ['the address backwards', 'moc.elpmaxe@ecalevol.ada'],
    ['the local part with digits', 'ada.lovelace1815'],
    ['the local part after digits and signs', '18/15 -- ada.lovelace'],
    ['the local part without its point', 'AdaLovelace!!!'],
    ['the local part in another order', 'lovelace, ada!'],
    ['the local part backwards', 'ecalevol.ada99'],
    ['the local part in leet', '4d4.l0v3l4c3!!'],
    ['the local part in leet with digits after it', '@d@l0ve1ace123'],
    ['the local part with accents', 'Adá Lövelãçe !'],
    ['the local part in full-width letters', 'ａｄａ．ｌｏｖｅｌａｃｅ　１８'],
    ['the local part with points between all letters', 'a.d.a.l.o.v.e.l.a.c.e'],
    ['the user name, doubled', 'countesscountess'],
    ['the user name, there and back', 'countess-ssetnuoc'],
    ['the user name in leet', 'C0un7e$$2026!!'],
    ['the service', 'Itsor123456789'],
    ['the service, three times', 'itsorItsor1t50r'],
    ['the service and the user name', 'itsor@countess'],
  ])('is refused: %s', (_, password) => {
    expect(codesOf(password)).toEqual(['contains_account']);
  });

  it.each([
    ['words of its own beside the name', 'ada lovelace wrote notes'],
    ['one letter more', 'ada.lovelacex!'],
    ['a name inside other words', 'visitors orbit it'],
    ['only digits and signs', '31415-92653-58979'],
    ['the beginning of a word', 'countes countes'],
  ])('is accepted if it is neither: %s', (_, password) => {
    expect(codesOf(password)).not.toContain('contains_account');
  });

  it('knows an address without its digits, and one that is all digits', () => {
    expect(codesOf('lovelace-1816!!', { email: 'lovelace1815@example.com' })).toEqual(['contains_account']);
    expect(codesOf('+491512345678 +', { email: '491512345678@example.com' })).toEqual(['contains_account']);
  });

  it.each([
    ['no user name', { username: null }],
    ['an empty user name', { username: '' }],
    ['an empty address', { email: '' }],
    ['nothing but punctuation', { email: '.@-.--', username: '_.-' }],
    ['names of object members', { email: 'constructor@__proto__.tostring', username: '__proto__' }],
    ['other scripts', { email: '用户@例子.公司', username: 'प्रयोगकर्ता' }],
    ['half a surrogate pair', { email: '\ud800@\udfff', username: '\udc00' }],
  ])('accepts an account with %s', (_, account) => {
    expect(codesOf(fine, account)).toEqual([]);
    expect(codesOf('itsor itsor itsor', account)).toEqual(['contains_account']);
  });

  it('is recognised in every script', () => {
    expect(codesOf('例子-用户-2026-例子-用户', { email: '用户@例子.公司' })).toEqual(['contains_account']);
  });
});

describe('a new password', () => {
  it('differs from the current one in every Unicode form', () => {
    const current = 'caf\u00e9 in the rain';
    expect(codesOf(current, { current })).toEqual(['unchanged']);
    expect(codesOf('cafe\u0301 in the rain', { current })).toEqual(['unchanged']);
    expect(codesOf('Caf\u00e9 in the rain', { current })).toEqual([]);
  });

  it('is refused with every reason at once', () => {
    expect(codesOf('itsor1', { current: 'itsor1' })).toEqual(['too_short', 'contains_account', 'unchanged']);
  });
});

describe('the estimate of its strength', () => {
  it.each([0, 1, 2])('refuses a score of %d with the advice', (score) => {
    expect(strengthProblems({ score, advice: ['it is a date', 'leave it out'] })).toEqual([
      { code: 'too_guessable', detail: 'too easy to guess: it is a date; leave it out' },
    ]);
  });

  it.each([3, 4])('accepts a score of %d', (score) => {
    expect(strengthProblems({ score, advice: [] })).toEqual([]);
  });
});

describe('any text as a password', () => {
  const anyText = fc.string({ unit: 'binary', maxLength: 1100 });
  const nasty = fc.constantFrom('a', 'aa', '1', '@', '.', '4', '!', 'Å', '\u0301', '\ufdfa', '\ud83d');
  const repetitive = fc.array(nasty, { maxLength: 1100 }).map((parts) => parts.join(''));
  const text = fc.oneof(anyText, repetitive);

  it('gets an answer soon', () => {
    fc.assert(
      fc.property(text, text, text, text, (password, email, username, current) => {
        const before = performance.now();
        passwordProblems({ password, email, username, current }, policy);
        expect(performance.now() - before).toBeLessThan(1_000);
      }),
      { numRuns: 200 },
    );
  });

  it('gets an answer soon even if every letter has many readings', () => {
    const email = `${'a'.repeat(64)}@${'a'.repeat(63)}.${'a4'.repeat(31)}.${'4a'.repeat(30)}`;
    const before = performance.now();
    expect(isMadeOf('a4@'.repeat(340), accountWords({ email, username: 'a'.repeat(32) }))).toBe(true);
    expect(performance.now() - before).toBeLessThan(1_000);
  });

  // Proves ASVS 6.2.11.
  it('is refused where it is built from the names of the account', () => {
    const word = fc.stringMatching(/^[a-z]{3,12}$/);
    const filler = fc.stringMatching(/^[0-9 .,!_-]{0,4}$/);
    const change = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.toUpperCase(),
      (text) => [...text].reverse().join(''),
      (text) => text.replaceAll('a', '@').replaceAll('o', '0').replaceAll('s', '$'),
    );
    fc.assert(
      fc.property(
        word,
        word,
        word,
        fc.array(fc.tuple(fc.nat(4), change, filler), { minLength: 1 }),
        (...of) => {
          const [first, last, username, parts] = of;
          const names = [first, last, username, 'itsor', `${first}.${last}`];
          const password = parts.map(([at, changed, end]) => changed(names[at] ?? '') + end).join('');
          expect(codesOf(password, { email: `${first}.${last}@example.com`, username })).toContain(
            'contains_account',
          );
        },
      ),
    );
  });
});

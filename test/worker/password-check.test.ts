import { env } from 'cloudflare:test';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { createDictionaryReader } from '../../src/passwords/dictionary.ts';
import { createCheckPassword, createLoadEstimate } from '../../src/passwords/service/check.ts';
import type { RequestContext } from '../../src/platform/context.ts';
import { AppError } from '../../src/platform/errors.ts';

const ctx = {} as RequestContext;
const caller = { purpose: 'signup', network: '192.0.2.1', account: 'ada' } as const;
const owner = { email: 'ada.lovelace@example.com', username: 'countess' };

const loadEstimate = createLoadEstimate(createDictionaryReader((env as unknown as Bindings).ASSETS).read);
const createCheck = (isLeaked: (() => Promise<boolean>) | null = null) =>
  createCheckPassword({
    policy: { minLength: 14 },
    inTurn: async (work) => work(),
    loadEstimate,
    isLeaked,
  });
const check = createCheck();

/** What is wrong with a password, as `code: detail`. */
const refusalsOf = async (password: string, choice: { current?: string; username?: string | null } = {}) => {
  const error = await check(ctx, { caller, ...owner, ...choice, password }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error === null) return [];
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ code: 'weak_password', status: 422 });
  return (error as AppError).errors;
};
const codesOf = async (password: string) => (await refusalsOf(password)).map(({ code }) => code);

describe('a password that is set', () => {
  it.each([
    'correct horse battery staple',
    'correct horse battery',
    'wandering otters juggle',
    'wnqk-8zrt-p4hx',
    'Käsekuchen mit viel Rhabarber',
    '每天早上喝一杯热的绿茶再出门吧',
    '\u{1f469}\u200d\u{1f680} rides a \u{1f98b} home',
  ])('is taken: %s', async (password) => {
    expect(await refusalsOf(password)).toEqual([]);
  });

  it.each([
    ['a common one with digits and a sign', 'Password123456!'],
    ['a common one in leet', 'P@$$w0rd1234567'],
    ['rows of the keyboard', 'qwertyuiopasdf'],
    ['a sequence', 'abcdefghijklmnop'],
    ['digits in order', '12345678901234'],
    ['one character', 'aaaaaaaaaaaaaaaaaaaa'],
    ['one emoji', '\u{1f512}'.repeat(40)],
    ['one word again and again', 'monkeymonkeymonkey'],
    ['a date', '24.12.1985'],
    ['a common one backwards', '!654321drowssap'],
    ['a common one in full-width letters', 'ｐａｓｓｗｏｒｄ１２３４５６'],
    ['the account with a few letters', 'ada.lovelace-xy'],
    ['the address with a few letters', 'xy:ada.lovelace@example.com'],
    ['the service with a few letters', 'itsor-kwpd'],
    // Proves ASVS 6.2.4.
  ])('is refused where it is easy to guess: %s', async (_, password) => {
    expect(await codesOf(password)).toContain('too_guessable');
  });

  it('is as good beside an account with unrelated names', async () => {
    const password = 'zyvexqorman-kwp';
    expect(await refusalsOf(password, { username: 'zyvexqorman' })).toMatchObject([
      { code: 'too_guessable' },
    ]);
    expect(await refusalsOf(password, { username: 'grace' })).toEqual([]);
  });

  it('gives a word late in the alphabet no more credit than an early one', async () => {
    for (const pair of ['abacusabdomen', 'zoologistzoning'])
      expect(await codesOf(pair), pair).toContain('too_guessable');
  });

  it('is refused with every reason at once, in words, under the member that carried it', async () => {
    expect(await refusalsOf('Itsor1', { current: 'Itsor1' })).toEqual([
      { pointer: '/password', code: 'too_short', detail: 'at least 14 characters' },
      {
        pointer: '/password',
        code: 'contains_account',
        detail: expect.stringContaining('the name of this service'),
      },
      { pointer: '/password', code: 'unchanged', detail: 'must differ from the current password' },
      {
        pointer: '/password',
        code: 'too_guessable',
        detail:
          'too easy to guess: it relies on what is known of your account; add a word or two that nobody would expect; a capital at the start hardly helps',
      },
    ]);
    await expect(
      check(ctx, { caller, ...owner, password: 'short', member: 'new_password' }),
    ).rejects.toMatchObject({
      errors: [{ pointer: '/new_password' }, { pointer: '/new_password' }],
    });
  });

  it('is refused with advice in sentences, never in keys of the estimator', async () => {
    const details = await Promise.all(
      [
        'password',
        '19851985',
        'qwertyuiop',
        'abcdef',
        'aaaaaa',
        'PASSWORD',
        'drowssap',
        'p4ssword',
        '24.12.1985',
      ].map(
        async (password) => (await refusalsOf(password)).find(({ code }) => code === 'too_guessable')?.detail,
      ),
    );
    for (const detail of details)
      expect(detail).toMatch(/^too easy to guess: \w+ \w+ [^;]+(?:; \w+ \w+ [^;]+)*$/);
  });

  it('is looked up among leaked passwords only when nothing else is wrong with it', async () => {
    const isLeaked = vi.fn(async () => true);
    const checkLeaked = createCheck(isLeaked);
    await expect(checkLeaked(ctx, { caller, ...owner, password: 'Password123456!' })).rejects.toThrow();
    expect(isLeaked).not.toHaveBeenCalled();

    await expect(
      checkLeaked(ctx, { caller, ...owner, password: 'cafe\u0301 in the rain' }),
    ).rejects.toMatchObject({
      errors: [{ pointer: '/password', code: 'leaked', detail: expect.stringContaining('leaked passwords') }],
    });
    expect(isLeaked).toHaveBeenCalledExactlyOnceWith(ctx, 'caf\u00e9 in the rain');
  });
});

describe('any text as a password', () => {
  const timed = async (password: string, account = owner) => {
    const before = performance.now();
    await check(ctx, { caller, ...account, password }).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
    });
    return performance.now() - before;
  };

  it('is accepted or refused with an AppError, and soon', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc
        .array(
          fc.constantFrom(
            'constructor',
            '__proto__',
            'toString',
            '1',
            '4',
            '@',
            'l',
            'aa',
            'ab',
            '\ud83d',
            '.',
          ),
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, text, text, async (password, email, username) => {
        expect(await timed(password, { email, username })).toBeLessThan(2_000);
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['signs that stand for letters', '4@8({[</369&#!1/|0$5+7%2/'],
    ['signs that stand for several', '1!|7<69'],
    ['common words in leet', 'p4$$w0rdm0nk3ydr4g0n'],
    ['digits', '31415926535897932384626433832795'],
    ['dates', '1.1.91'],
    ['repeats of repeats', 'aabaabaac'],
    [
      'all of it',
      '0<p4ss1l9love$<@123456@p4ss<<1love$<12345620009$1234569love9love$ab99<<$1234569s123456<19<1love',
    ],
    ['one letter', 'a'],
  ])('costs no more time when it is long: %s', async (_, pattern) => {
    const account = { email: `${'a1'.repeat(32)}@${'b4'.repeat(31)}.example`, username: 'l1'.repeat(16) };
    expect(await timed(pattern.repeat(1024).slice(0, 1024), account)).toBeLessThan(2_000);
  });
});

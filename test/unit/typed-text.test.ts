import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loginNameOf } from '../../src/accounts/rules/account.ts';
import {
  canonicalCode,
  canonicalEmail,
  canonicalName,
  essenceOf,
  trimmed,
} from '../../src/platform/rules/typed-text.ts';
import { Email, Id, Password, Username } from '../../src/platform/schema/text.ts';

const stored = (typed: string) => Email.safeParse(typed).data;
const refusalOf = (typed: string) => Email.safeParse(typed).error?.issues[0]?.message;

describe('an e-mail address', () => {
  it.each([
    ['ada@example.com', 'ada@example.com'],
    [' Ada@Example.COM', 'ada@example.com'],
    ['ada@example.com\t', 'ada@example.com'],
    ['\r\nada@example.com\r\n', 'ada@example.com'],
    ['\u00a0ada@example.com\u3000', 'ada@example.com'],
    ['\ufeffada@example.com\u200b', 'ada@example.com'],
    ['\u202aada@example.com\u202c', 'ada@example.com'],
    ['ada@münchen.example', 'ada@xn--mnchen-3ya.example'],
    ['ADA@MÜNCHEN.Example', 'ada@xn--mnchen-3ya.example'],
    ['ada@mu\u0308nchen.example', 'ada@xn--mnchen-3ya.example'],
    ['ada@xn--mnchen-3ya.example', 'ada@xn--mnchen-3ya.example'],
    ['ada@XN--MNCHEN-3YA.example', 'ada@xn--mnchen-3ya.example'],
    ['ada@straße.example', 'ada@xn--strae-oqa.example'],
    ['ada@例え.テスト', 'ada@xn--r8jz45g.xn--zckzah'],
    ['ada@例え。テスト', 'ada@xn--r8jz45g.xn--zckzah'],
    // One mailbox, so one account.
    ['ada@ｅｘａｍｐｌｅ.com', 'ada@example.com'],
    ['ada@exam\u00adple.com', 'ada@example.com'],
    ['ada@\u212aey.example', 'ada@key.example'],
  ])('%j is stored, looked up and counted as %s', (typed, one) => {
    expect(stored(typed)).toBe(one);
    expect(loginNameOf(typed)).toEqual({ kind: 'email', value: one });
    expect(stored(one)).toBe(one);
  });

  it('at a domain that only looks like another is another address', () => {
    expect(stored('ada@\u0430pple.example')).toBe('ada@xn--pple-43d.example');
    expect(stored('ada@g\u0131thub.example')).toBe('ada@xn--gthub-n4a.example');
  });

  it.each([
    'ädä@example.com',
    'ada\u212a@example.com',
    'ada\u200b@example.com',
    'ａｄａ@example.com',
    'İ@example.com',
    'ä@ü@example.com',
  ])('has ASCII before the @, and another one is refused in words: %j', (typed) =>
    expect(refusalOf(typed)).toContain('before the @'),
  );

  it.each([
    'ada＠example.com',
    'ada@evil.example＠example.com',
    'ada@m%C3%BCnchen.example',
    'ada@ü%2eexample.com',
    'ada@ü％2e.example',
    'ada@ü.example:25',
    'ada@ü：25.example',
    'ada@ü.example/x',
    'ada@ü.example\\x',
    'ada@ü℀.example',
    'ada@ü.example?x',
    'ada@ü.example#x',
    'ada@[::1]',
    'ada@[ü]',
    'ada@127.0.0.1',
    'ada@１２７.0.0.1',
    'ada@①.②',
    'ada@０x7f.１',
    'ada@ü',
    'ada@ü.example.',
    'ada@.ü.example',
    'ada@ü..example',
    'ada@ü\t.example',
    'ada@ü\n.example',
    'ada@ü .example',
    'ada@xn--ü.example',
    'ada@ex\u200dample.com',
    'ada@ü\0.example',
    `ada@${'ü'.repeat(64)}.example`,
    '@ü.example',
    'ada@',
    '',
    ' ',
  ])('is not %j, which leads elsewhere or nowhere', (typed) => {
    expect(stored(typed)).toBeUndefined();
    expect(refusalOf(typed)).toBe('must be an e-mail address');
  });

  it('costs little work, however long it is', () => {
    const ideographs = Array.from({ length: 60_000 }, (_, at) =>
      String.fromCodePoint(0x4e00 + (at % 20_000)),
    );
    const blanks = ' '.repeat(30_000);
    const started = performance.now();
    for (const typed of [
      `ada@${ideographs.join('')}.example`,
      ideographs.join(''),
      `${blanks}a${blanks}a${blanks}`,
      'ä'.repeat(60_000),
      `${'@ä'.repeat(30_000)}`,
    ])
      expect(stored(typed)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('has one spelling, whatever was typed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, two) => {
        for (const typed of [one, `a@${one}.example`, `${one}@${two}`]) {
          const spelling = canonicalEmail(typed);
          expect(canonicalEmail(` ${spelling}\u200b\n`)).toBe(spelling);
          const email = stored(typed);
          if (email !== undefined) expect(email).toMatch(/^[!-?A-~]+@[a-z0-9.-]+$/);
        }
      }),
    );
  });
});

describe('other text that people type', () => {
  it('a user name has one spelling, and a password is never changed', () => {
    expect(Username.parse(' Ada\n')).toBe('ada');
    expect(loginNameOf('\tADA ')).toEqual({ kind: 'username', value: 'ada' });
    expect(Password.parse(' Ada\n')).toBe(' Ada\n');
  });

  it.each(['ada\u212a', 'ada\u0130', 'a da', 'ada\u200bx'])(
    'a user name has no letters that only look like ASCII: %j',
    (typed) => expect(Username.safeParse(typed).success).toBe(false),
  );

  it('an id has one spelling', () => {
    const id = '0199aaaa-0000-7000-8000-00000000000f';
    expect(Id.parse(id.toUpperCase())).toBe(id);
    expect(Id.safeParse(`{${id}}`).success).toBe(false);
    expect(canonicalName(` ${id.toUpperCase()}`)).toBe(id);
  });

  it.each(['123456', '123 456', '123-456', ' 12 34 56\n', '123\u2011456', '123\u00a0456', '１２３４５６'])(
    'the code %j has the digits 123456',
    (typed) => expect(canonicalCode(typed)).toBe('123456'),
  );

  it('what is typed inside of a text stays', () => {
    expect(trimmed('\u200b a b\u200bc \r\n')).toBe('a b\u200bc');
    expect(trimmed(' \u200b ')).toBe('');
  });

  it('a media type is one without its parameters', () => {
    expect(essenceOf(' Application/PDF ; charset=binary')).toBe('application/pdf');
    expect(essenceOf('text/html;application/pdf')).toBe('text/html');
    expect(essenceOf('text/html, application/pdf')).toBe('text/html, application/pdf');
    expect(essenceOf('')).toBe('');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loginNameOf } from '../../src/accounts/rules/account.ts';
import {
  canonicalCode,
  canonicalEmail,
  canonicalName,
  essenceOf,
  tokenOfLink,
  trimmed,
} from '../../src/platform/rules/typed-text.ts';
import { ClaimedEmail, Email, Id, Password, Username } from '../../src/platform/schema/text.ts';

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
    // As it was copied out of another text.
    ['ada＠example.com', 'ada@example.com'],
    ['ada＠ｅｘａｍｐｌｅ．ｃｏｍ。', 'ada@example.com'],
    ['mailto:ada@example.com', 'ada@example.com'],
    ['MAILTO:Ada@Example.com?subject=Hello%20you', 'ada@example.com'],
    ['<ada@example.com>', 'ada@example.com'],
    ['<mailto:ada@example.com>', 'ada@example.com'],
    ['Ada Lovelace <ada@example.com>', 'ada@example.com'],
    ['"Lovelace, Ada" <Ada@example.com>;', 'ada@example.com'],
    ['Ädä ＜ada@example.com＞', 'ada@example.com'],
    ['ada@example.com.', 'ada@example.com'],
    ['ada@example.com, ', 'ada@example.com'],
    ['ada@example.com ;', 'ada@example.com'],
    ['ada@ü.example.', 'ada@xn--tda.example'],
    ['"ada@example.com"', 'ada@example.com'],
    ["'ada@example.com',", 'ada@example.com'],
    ['“ada@example.com”', 'ada@example.com'],
    ['„ada@example.com.“', 'ada@example.com'],
    ['«ada@example.com»', 'ada@example.com'],
    ['a\u200bd\ufeffa@exam\u200bple.com', 'ada@example.com'],
    ['ada\u00ad\u2060@example.com', 'ada@example.com'],
    ['\u2800ada@example.com\u0085', 'ada@example.com'],
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
    '\u0430da@example.com',
    '①@example.com',
    'ａｄａ@example.com',
    'ada＋x@example.com',
    'ﬁ@example.com',
    'ªda@example.com',
    'İ@example.com',
    'ä@ü@example.com',
  ])('has ASCII before the @, and another one is refused in words: %j', (typed) =>
    expect(refusalOf(typed)).toContain('before the @'),
  );

  it('is never folded into another: what can be stored stays as it is', () => {
    const atom = fc.string({
      unit: fc.constantFrom(..."az09!#$%&'*+/=?^_`{|}~-"),
      minLength: 1,
      maxLength: 9,
    });
    const local = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join('.'));
    fc.assert(
      fc.property(local, (name) => {
        expect(stored(`${name}@b.example`)).toBe(`${name}@b.example`);
        expect(stored(`Ada <${name}@b.example>, `)).toBe(`${name}@b.example`);
      }),
      { numRuns: 500 },
    );
    for (const name of ["'ada", "ada'", '`ada`', 'mailto', 'ada%40c', 'ada+mailto', '{ada}', 'a.d.a'])
      expect(stored(`${name}@b.example`)).toBe(`${name}@b.example`);
  });

  it.each([
    'eve@evil.example <ada@example.com>',
    'Ada <eve@evil.example> <ada@example.com>',
    '<ada@example.com> eve@evil.example',
    '<<ada@example.com>>',
    '<ada@example.com',
    'ada@example.com>',
    'ada@example.com, eve@evil.example',
    'ada@example.com;eve@evil.example',
    'ada@example.com\r\nBcc: eve@evil.example',
    'Ada <ada@example.com\r\nBcc: eve@evil.example>',
    'Ada\r\nBcc: eve@evil.example <ada@example.com>',
    'ada\r\n@example.com',
    'ada@exam ple.com',
    'mailto:ada%2Bx@example.com',
    'mailto:ada@example.com,eve@evil.example',
    'mailto:mailto:ada@example.com',
    'mailto:',
    'http://ada@example.com',
    '"ada"@example.com',
    '"ada@example.com',
    '\'ada@example.com"',
    '.ada@example.com',
    'ada.@example.com',
    'ada,@example.com',
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
    expect(refusalOf(typed)).toMatch(/^must be an e-mail address: ./);
  });

  it.each([
    ['ada', 'the @ is missing'],
    ['ada@b@example.com', 'there is more than one @'],
    ['@example.com', 'the part before the @ is missing'],
    ['ada@', 'the part after the @ is missing'],
    ['ada@example', 'the part after the @ needs a dot, as in example.com'],
    ['ada@exam ple.com', 'there is a blank or a line end in it'],
    ['ada(x)@example.com', '“(” cannot stand in it'],
    ['ada@exam_ple.com', '“_” cannot stand in it'],
    ['ada\0@example.com', 'U+0000 cannot stand in it'],
    ['a..b@example.com', 'there is a dot too many'],
    ['ada.@example.com', 'there is a dot too many'],
    ['ada@127.0.0.1', 'the part after the @ is no name of a domain'],
    ['ädä@example.com', 'before the @; not “ä”'],
    ['ada\u0085x@example.com', 'before the @; not U+0085'],
  ])('that is wrong is told what is too much or missing: %j', (typed, flaw) =>
    expect(refusalOf(typed)).toContain(flaw),
  );

  it('that a program claims is taken as it is, because that is what the program has verified', () => {
    expect(ClaimedEmail.parse(' Ada@example.com')).toBe('ada@example.com');
    for (const text of [
      'Ada <ada@example.com>',
      'mailto:ada@example.com',
      'a\u200bda@example.com',
      'ada＠b.example',
    ])
      expect(ClaimedEmail.safeParse(text).success).toBe(false);
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
      `${'.,;'.repeat(20_000)}x`,
      `${'<'.repeat(30_000)}@${'>'.repeat(30_000)}`,
      `"${'"'.repeat(60_000)}`,
      `mailto:${'?'.repeat(60_000)}\n`,
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

  it.each([
    '123456',
    '123 456',
    '123-456',
    ' 12 34 56\n',
    '123\u2011456',
    '123\u00a0456',
    '123–456',
    '123−456',
    '123·456',
    '123.456',
    '123•456',
    '1_2_3 4_5_6',
    '\u2800123456\u0085',
    '１２３４５６',
    '١٢٣٤٥٦',
    '۱۲۳۴۵۶',
    '१२३-४५६',
    '১২৩৪৫৬',
    '𝟏𝟐𝟑𝟜𝟝𝟞',
    '𑛑𑛒𑛓𑛔𑛕𑛖',
  ])('the code %j has the digits 123456', (typed) => expect(canonicalCode(typed)).toBe('123456'));

  it.each(['12345', '1234567', '12345x', '12345½', '一二三四五六', '+123456', '123/456', '1e5'])(
    'the code %j is not made of six digits',
    (typed) => expect(canonicalCode(typed)).not.toMatch(/^\d{6}$/),
  );

  it('a code costs little work, however long it is', () => {
    const started = performance.now();
    for (const digit of ['٩', '𑛣', '9', '-']) canonicalCode(digit.repeat(30_000));
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.each([
    ['0a1b.x-_9', '0a1b.x-_9'],
    [' 0a1b.x-_9\n', '0a1b.x-_9'],
    ['token=0a1b.x-_9', '0a1b.x-_9'],
    ['https://auth.test/verify-email?token=0a1b.x-_9', '0a1b.x-_9'],
    ['<https://auth.test/reset-password?done=x&token=0a1b.x-_9>', '0a1b.x-_9'],
    ['https://auth.test/reset-password?done=x&amp;token=0a1b.x-_9.', '0a1b.x-_9'],
    ['https://app.test/#token=0a1b.x-_9&x=y', '0a1b.x-_9'],
    // Nobody can tell which one is meant.
    ['?token=a.b&token=c.d', '?token=a.b&token=c.d'],
    ['https://auth.test/?csrf_token=a.b', 'https://auth.test/?csrf_token=a.b'],
    ['0a1b.x-_9.', '0a1b.x-_9'],
    ['<0a1b.x-_9>),', '0a1b.x-_9'],
    ['token=', 'token='],
    ['a.b/../c', 'a.b/../c'],
  ])('the token of %j is %j', (typed, token) => expect(tokenOfLink(typed)).toBe(token));

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

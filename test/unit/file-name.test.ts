import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitsType } from '../../src/platform/rules/media-types.ts';
import { attachmentOf, cleanFileName, fileNameFlaw } from '../../src/uploads/rules/file-name.ts';

describe('the name of a file', () => {
  it.each([
    'report.pdf',
    'Größe & Maß (2).pdf',
    '報告書.pdf',
    '100%20off.pdf',
    'a"b.pdf',
    '.env',
    "it's.txt",
    'שלום.pdf',
    '.gitignore.txt',
    'console.pdf',
    'COM10.pdf',
    'aux files.pdf',
    'nullify.pdf',
    // Both are written with a joiner.
    'می\u200cخواهم.pdf',
    '👩\u200d💻.png',
  ])('a file may have the name %s', (name) => expect(fileNameFlaw(name)).toBeNull());

  it.each([
    '../../x',
    '..\\..\\x.pdf',
    '/etc/passwd',
    'a"b\r\n.pdf',
    'a\nb.pdf',
    '…/%00',
    'x\0.pdf',
    'x\u0085.pdf',
    'x\u2028.pdf',
    'annual-\u202efdp.exe',
    '\u2066x\u2069.pdf',
    '\u200fx.pdf',
    '\u061cx.pdf',
    '.',
    '..',
    ' . . ',
    '\u3000',
    '\u200b',
    '\u200d.',
    '\ufeff.\u2060',
    // Windows drops these ends, which leaves another name.
    'x.pdf.',
    'x.pdf ',
    'x.pdf. .',
    'x.pdf\u00a0',
    ' x.pdf',
    '\ufeffx.pdf',
    // Windows reads these as devices, with any ending.
    'CON',
    'con.txt',
    'nul.tar.gz',
    'Aux .pdf',
    'com1.pdf',
    'LPT9.txt',
    'com\u00b9.txt',
    'CONIN$.txt',
    // Invisible characters make two names look the same.
    'x\u200b.pdf',
    'x\u00ad.pdf',
    'x\ufeff.pdf',
    'x\u2060.pdf',
    'x.exe\u{e0020}.pdf',
    // Proves ASVS 5.3.2.
  ])('a file may not have the name %j, which leads elsewhere or looks like another', (name) => {
    expect(fileNameFlaw(name)).toMatchObject({ code: 'not_a_file_name' });
  });

  it.each([
    ['Scherm\u00adafbeelding.png', 'Schermafbeelding.png'],
    ['x\u200b.pdf', 'x.pdf'],
    ['\ufeffx\u2060.pdf', 'x.pdf'],
    ['x.pdf\u200b', 'x.pdf'],
    ['x.p\u00addf', 'x.pdf'],
    ['x.pdf\ufe0f', 'x.pdf'],
    ['x.\u200dpdf', 'x.pdf'],
    ['\u200f\u05e9\u200e.pdf\u061c', '\u05e9.pdf'],
    ['x\u{e0020}\u{e0100}.pdf', 'x.pdf'],
    ['  x.pdf \u00a0\n', 'x.pdf'],
    ['x \u200b.pdf', 'x .pdf'],
    ['\u0645\u06cc\u200c\u062e.pdf', '\u0645\u06cc\u200c\u062e.pdf'],
    ['👩\u200d💻 ❤\ufe0f.png', '👩\u200d💻 ❤\ufe0f.png'],
    ['❤\ufe0f', '❤\ufe0f'],
  ])('the file %j is stored as %j', (given, stored) => {
    expect(cleanFileName(given)).toBe(stored);
    expect(fileNameFlaw(stored)).toBeNull();
    expect(cleanFileName(stored)).toBe(stored);
  });

  it.each([
    // The name that people get is judged, and not what stands there with invisible characters.
    ['report.pdf\u200b.exe', 'wrong_ending'],
    ['report.exe\u{e0020}', 'wrong_ending'],
    ['report.pdf\u00ad.e\u200bxe ', 'wrong_ending'],
    ['report.e\u00adxe', 'wrong_ending'],
    ['annual-\u202efdp.exe', 'not_a_file_name'],
    ['annual-\u202e\u200bfdp.pdf', 'not_a_file_name'],
    ['\u2066x\u2069.pdf', 'not_a_file_name'],
    ['x.pdf\u202c', 'not_a_file_name'],
    ['c\u00adon.pdf', 'not_a_file_name'],
    ['con\u200b', 'not_a_file_name'],
    ['.\u200b.', 'not_a_file_name'],
    ['..\u00ad/x.pdf', 'not_a_file_name'],
    ['.\u2060./.\u2060./x.pdf', 'not_a_file_name'],
    ['x.pdf\u200b.', 'not_a_file_name'],
    ['x.pdf .\u200b', 'not_a_file_name'],
    ['\u3164', 'not_a_file_name'],
    ['a\r\nb.pdf', 'not_a_file_name'],
  ])('no invisible character hides what %j is', (given, code) => {
    const name = cleanFileName(given);
    const flaw = fileNameFlaw(name)?.code ?? (fitsType(name, 'application/pdf') ? null : 'wrong_ending');
    expect(flaw).toBe(code);
  });

  it('of any name, cleaning leaves only what is visible or what a script needs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (one, two) => {
        const name = cleanFileName(`${one}\u00ad${two}`);
        expect(cleanFileName(name)).toBe(name);
        if (fileNameFlaw(name) === null)
          expect(name).not.toMatch(/\p{Bidi_Control}|[\u00ad\u200b\u2060\ufeff]/u);
      }),
    );
  });

  it('the name of a file has at most 255 bytes of UTF-8', () => {
    expect(fileNameFlaw(`${'x'.repeat(251)}.pdf`)).toBeNull();
    expect(fileNameFlaw(`${'x'.repeat(252)}.pdf`)).toMatchObject({ code: 'too_long' });
    expect(fileNameFlaw('é'.repeat(128))).toMatchObject({ code: 'too_long' });
    expect(fileNameFlaw('🦉'.repeat(63))).toBeNull();
    expect(fileNameFlaw('🦉'.repeat(64))).toMatchObject({ code: 'too_long' });
  });
});

describe('Content-Disposition', () => {
  it.each([
    ['report.pdf', `attachment; filename="report.pdf"; filename*=UTF-8''report.pdf`],
    ['a b.pdf', `attachment; filename="a b.pdf"; filename*=UTF-8''a%20b.pdf`],
    ['€ rates.pdf', `attachment; filename="_ rates.pdf"; filename*=UTF-8''%E2%82%AC%20rates.pdf`],
    ['a"b\\c.pdf', `attachment; filename="a_b_c.pdf"; filename*=UTF-8''a%22b%5Cc.pdf`],
    ['%41.pdf', `attachment; filename="_41.pdf"; filename*=UTF-8''%2541.pdf`],
    ["it's (1)*.pdf", `attachment; filename="it's (1)*.pdf"; filename*=UTF-8''it%27s%20%281%29%2A.pdf`],
    // Proves ASVS 5.4.2.
  ])('the Content-Disposition of %s follows RFC 6266 and RFC 8187', (name, expected) => {
    expect(attachmentOf(name)).toBe(expected);
  });

  // Proves ASVS 5.4.2.
  it('a Content-Disposition keeps every name within its two parameters, and returns the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const header = attachmentOf(name);
        const [, extended = ''] =
          /^attachment; filename="[^"\\%\r\n]*"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*)$/.exec(
            header,
          ) ?? [];
        expect(header).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeURIComponent(extended)).toBe(name.toWellFormed());
      }),
      { numRuns: 2000 },
    );
  });
});

import { run } from '../commands.ts';
import type { Made, Producer } from '../sample.ts';

const encoded: readonly (readonly [encoding: string, text: string])[] = [
  ['UTF-8', 'Grüße aus Köln — „Zitat“ 日本語 🙂\n'],
  ['UTF-16LE', 'Grüße aus Köln\r\nZweite Zeile\r\n'],
  ['UTF-16BE', 'Grüße aus Köln\r\nZweite Zeile\r\n'],
  ['ISO-8859-1', 'Grüße aus Köln, à bientôt\n'],
  ['WINDOWS-1252', 'Grüße aus Köln — „Zitat“, 10 €\n'],
  ['WINDOWS-1251', 'Привет из Москвы, как дела?\n'],
  ['KOI8-R', 'Привет из Москвы, как дела?\n'],
  ['SHIFT_JIS', 'これは日本語の文章です。表示ソフト\n'],
  ['EUC-KR', '안녕하세요 한국어 문장입니다\n'],
  ['GB18030', '你好，这是一个中文句子。\n'],
  ['BIG5', '你好，這是一個中文句子。許功蓋\n'],
];

const marks: Readonly<Record<string, readonly number[]>> = {
  'UTF-8': [0xef, 0xbb, 0xbf],
  'UTF-16LE': [0xff, 0xfe],
  'UTF-16BE': [0xfe, 0xff],
};

/** Long enough that a guess by statistics has something to count. */
const inEncoding = ([encoding, text]: (typeof encoded)[number]): Promise<Buffer> =>
  run('iconv', ['-f', 'UTF-8', '-t', encoding], { input: text.repeat(20) });

const iconv: Producer = {
  name: 'iconv',
  wanted: 'accepted',
  make: async () => {
    const made = await Promise.all(
      encoded.map(async (each): Promise<Made[]> => {
        const [encoding] = each;
        const content = await inEncoding(each);
        const mark = marks[encoding];
        const marked = {
          title: `${encoding} with a BOM`,
          filename: 'text.txt',
          content: Buffer.from([...(mark ?? []), ...content]),
        };
        const plain = { title: encoding, filename: 'text.txt', content };
        // UTF-16 without a mark is not told from binary data, and nobody promises to.
        return mark ? [...(encoding === 'UTF-8' ? [plain] : []), marked] : [plain];
      }),
    );
    const [, text = ''] = encoded[4] ?? [];
    const table = await inEncoding(['WINDOWS-1252', text.replace(',', ';')]);
    return [...made.flat(), { title: 'a table in WINDOWS-1252', filename: 'excel.csv', content: table }];
  },
};

const written: readonly (readonly [title: string, filename: string, text: string])[] = [
  ['one byte', 'one.txt', 'x'],
  ['one line end', 'newline.txt', '\n'],
  [
    'a coloured log',
    'build.log',
    '\x1b[32m✓\x1b[0m passed \x1b[2m12 ms\x1b[22m\n\x1b[1;31merror\x1b[0m: no\n',
  ],
  ['a progress bar in a log', 'progress.log', ' 10 %\r 50 %\r100 %\ndone\b\b\b\bDONE\n'],
  ['CRLF', 'windows.txt', 'one\r\ntwo\r\n'],
  ['CR alone', 'mac.txt', 'one\rtwo\r'],
  ['a table with a last 0x1A', 'dos.csv', 'name;price\r\nx;1\r\n\x1a'],
  ['form feeds', 'rfc.txt', 'Page 1\n\f\nPage 2\n\f'],
  ['a vertical tab', 'tab.txt', 'one\vtwo\n'],
  ['HTML in the text', 'forum.txt', 'Write <html><body><script>alert(1)</script> and it runs.\n'],
  ['words of a PDF', 'pdf.txt', 'A PDF begins with %PDF-1.7 and ends with %%EOF.\n'],
  ['words of a PDF at its start', 'begin.txt', '%PDF- is how a PDF begins.\n'],
  ['words of programs', 'mz.txt', 'MZ are the initials of Mark Zbikowski. PK are those of Phil Katz.\n'],
  ['PHP and shell in the text', 'howto.txt', '#!/bin/sh\nphp -r "echo 1;" # or <?php echo 1;\n'],
  ['Markdown with HTML', 'readme.md', '<div align="center">\n  <h1>Title</h1>\n</div>\n\n<br>\n\n- item\n'],
  [
    'Markdown that begins with a comment',
    'doc.md',
    '<!-- a comment -->\n# Title\n\n<details><summary>x</summary></details>\n',
  ],
  ['a table with formulas', 'formula.csv', 'name,sum\n=1+1,@SUM(A1)\n'],
  ['a table in tabs with quotes', 'quotes.csv', '"a ""b""","c\nd"\n'],
];

const texts: Producer = {
  name: 'Node.js',
  wanted: 'accepted',
  make: async () =>
    written.map(([title, filename, text]) => ({ title, filename, content: Buffer.from(text) })),
};

export const textProducers: readonly Producer[] = [iconv, texts];

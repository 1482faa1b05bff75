import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { expect, it } from 'vitest';
import { composeMessage, type MailContent } from '../../src/platform/mailers/mime.ts';

const content: MailContent = {
  messageId: '1@example.com',
  date: new Date('2026-11-20T10:00:00.000Z'),
  from: { name: null, address: 'itsor@example.com' },
  to: { name: null, address: 'ada@example.org' },
  subject: 'Hello',
  text: 'Hello',
  html: '<p>Hello</p>',
};

const isVisible = (text: string) => !/\p{Cc}/u.test(text) && text.trim() === text && text.isWellFormed();
const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 100 }).filter((text) => text.isWellFormed()),
  fc.constantFrom(
    '',
    '.',
    '..',
    '=',
    '=_alternative',
    '--=_alternative--',
    'From me',
    ' ',
    '\t',
    '='.repeat(90),
  ),
);
const unix = (text: string) => text.replace(/\r\n?/g, '\n');

it('a parser reads any subject and any name unchanged from a mail', async () => {
  const visible = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter(isVisible);
  await fc.assert(
    fc.asyncProperty(visible, visible, async (subject, name) => {
      const to = { name, address: 'ada@example.org' };
      const raw = composeMessage({ ...content, subject, to });
      const mail = await simpleParser(raw);

      expect(mail.subject).toBe(subject);
      expect(mail.to).toMatchObject({ value: [to] });
      expect(raw).toMatch(/^[\r\n -~]*$/);
      for (const word of raw.match(/=\?UTF-8\?B\?.*?\?=/g) ?? []) expect(word.length).toBeLessThanOrEqual(75);
    }),
  );
});

it('a parser reads any text and any HTML unchanged from a mail, in short lines of ASCII', async () => {
  const lines = fc.array(line, { minLength: 1, maxLength: 10 }).map((all) => `${all.join('\n')}.`);
  await fc.assert(
    fc.asyncProperty(lines, lines, async (text, html) => {
      const raw = composeMessage({ ...content, text, html });
      const mail = await simpleParser(raw);

      expect(mail.text).toBe(unix(text));
      expect(mail.html).toBe(unix(html));
      expect(raw).toMatch(/^(?:[\t -~]{0,76}\r\n)*$/);
    }),
  );
});

it('a mail has its date in the form of RFC 5322', () => {
  expect(composeMessage(content)).toMatch(/^Date: Fri, 20 Nov 2026 10:00:00 \+0000\r\n/);
});

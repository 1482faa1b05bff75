import { describe, expect, it } from 'vitest';
import { printable, printableAll } from '../../scripts/program/terminal.ts';

describe('a printable text', () => {
  it.each([
    ['https://bob:hunter2@app.example.com/path', 'https://[redacted]@app.example.com/path'],
    ['https://hunter2@otel.example.com', 'https://[redacted]@otel.example.com'],
    ['https://a.example, https://bob:hunter2@b.example', 'https://a.example, https://[redacted]@b.example'],
    ['https://bob:hunter2@b.example,https://c.example', 'https://[redacted]@b.example,https://c.example'],
    [
      '["https://bob:hunter2@b.example","https://a:hunter2@c"]',
      '["https://[redacted]@b.example","https://[redacted]@c"]',
    ],
    ['redis://user:hunter2@', 'redis://[redacted]@'],
    ['postgres://bob:hun/ter2#?,hunter2 x@db/itsor', 'postgres://[redacted]@db/itsor'],
    ['bob:hunter2@db:5432', 'bob:[redacted]@db:5432'],
    ['https:/bob:hunter2@db', 'https:[redacted]@db'],
    [
      'host=db user=bob password=hunter2 sslmode=require',
      'host=db user=bob password=[redacted] sslmode=require',
    ],
    ["host=db password='hunter2 x'", 'host=db password=[redacted]'],
    ['https://otel.example.com/v1?api_key=hunter2&x=1', 'https://otel.example.com/v1?api_key=[redacted]&x=1'],
  ])('has no password: %s', (given, shown) => {
    expect(printable(given)).toBe(shown);
    expect(shown).not.toContain('hunter2');
  });

  it.each([
    'https://app.example.com/path?x=1',
    'https://a.example, https://b.example:8443',
    'Itsor <itsor@example.com>',
    '127.0.0.1:3002',
    'clamd.example:3310',
  ])('is the given one where it holds no password: %s', (given) => expect(printable(given)).toBe(given));

  it.each([
    'must have the form postgres://user:password@host/database',
    'is required: postgres://user:password@host/database?sslmode=require, or the DB_* parts',
  ])('keeps the form of a connection string in our own sentence: %s', (sentence) =>
    expect(printable(sentence)).toBe(sentence),
  );

  it.each([
    'postgres://user:hunter2@host/database',
    'postgres://bob:hunter2postgres://user:password@host/database',
    'postgres://bob:hunter2@postgres://user:password@host/database',
    'postgres://user:password@host/database:hunter2@db',
    'postgres://user:password@host/hunter2@db',
  ])('has no password beside that form: %s', (given) => expect(printable(given)).not.toContain('hunter2'));

  it('has no control characters', () => {
    const said = '\u001b[2J\u001b]0;owned\u0007fine\r\n\u009b31mred\u0000 \u202Eback';
    expect(printable(said)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(printable(said)).toContain('fine');
  });

  it('is made of every text in a value', () => {
    expect(printableAll({ a: ['x://u:p@h', 1, null], b: { c: 'y\u0007' } })).toEqual({
      a: ['x://[redacted]@h', 1, null],
      b: { c: 'y ' },
    });
  });
});

import { describe, expect, it } from 'vitest';
import { chooseRange, contentRange } from '../../src/platform/rules/byte-range.ts';

const choose = (range: string | undefined, ifRange?: string) =>
  chooseRange({ range, ifRange }, { size: 10, version: 'abc' });
const part = (offset: number, length: number) => ({ kind: 'part', span: { offset, length } });

describe('a range of ten bytes', () => {
  it.each([
    ['bytes=0-4', part(0, 5)],
    ['bytes=5-', part(5, 5)],
    ['bytes=-3', part(7, 3)],
    ['bytes=-99', part(0, 10)],
    ['bytes=9-9', part(9, 1)],
    ['bytes=3-99', part(3, 7)],
    ['BYTES=0-0', part(0, 1)],
    ['bytes= 0-0 ', part(0, 1)],
    [`bytes=2-${'9'.repeat(30)}`, part(2, 8)],
    [`bytes=-${'9'.repeat(30)}`, part(0, 10)],
    [`bytes=${'0'.repeat(30)}3-4`, part(3, 2)],
    // Proves RFC 9110, 14.
  ])('the range %s is %o', (range, expected) => expect(choose(range)).toEqual(expected));

  it.each([
    'bytes=10-',
    'bytes=10-20',
    'bytes=-0',
    `bytes=${'9'.repeat(16)}-`,
    `bytes=${'9'.repeat(30)}-${'9'.repeat(30)}`,
  ])('the range %s is unsatisfiable', (range) => {
    expect(choose(range)).toEqual({ kind: 'unsatisfiable' });
  });

  it.each([
    undefined,
    '',
    'bytes=',
    'bytes=-',
    'bytes=5-4',
    'bytes=0-1,3-4',
    'lines=0-1',
    'bytes=a-b',
    'bytes 0-1',
    'bytes=0x1-2',
    'bytes=+1-2',
    'bytes=1e0-2',
  ])('the header %s has no valid range and is ignored', (range) =>
    expect(choose(range)).toEqual({ kind: 'whole' }),
  );

  it('a range may have numbers of any length', () => {
    const huge = '9'.repeat(400);
    expect(choose(`bytes=2-${huge}`)).toEqual(part(2, 8));
    expect(choose(`bytes=-${huge}`)).toEqual(part(0, 10));
    expect(choose(`bytes=${huge}-${huge}`)).toEqual({ kind: 'unsatisfiable' });
  });

  // Proves RFC 9110, 13.1.5.
  it('a range counts only for the version that If-Range names', () => {
    expect(choose('bytes=0-4', '"abc"')).toEqual(part(0, 5));
    for (const other of ['"other"', 'W/"abc"', 'Fri, 20 Nov 2026 10:00:00 GMT', ''])
      expect(choose('bytes=0-4', other)).toEqual({ kind: 'whole' });
  });

  it('a Content-Range names the first and last byte', () => {
    expect(contentRange(10, { offset: 3, length: 2 })).toBe('bytes 3-4/10');
    expect(contentRange(10, null)).toBe('bytes */10');
  });
});

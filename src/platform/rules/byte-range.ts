import type { ByteSpan } from './storage.ts';

/** The part of a representation that a request gets (RFC 9110 section 14). */
export type RangeChoice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly span: ByteSpan }
  | { readonly kind: 'unsatisfiable' };

/** The header fields; undefined where a request has none. */
export type AskedRange = { readonly range: string | undefined; readonly ifRange: string | undefined };

const whole: RangeChoice = { kind: 'whole' };
const unsatisfiable: RangeChoice = { kind: 'unsatisfiable' };

/**
 * One range of bytes, or the whole. Lists of ranges, other units and malformed ranges are ignored (sections 14.2 and
 * 14.1.1), as is a range whose If-Range names another version, a weak tag or a date (section 13.1.5).
 */
export const chooseRange = (
  { range, ifRange }: AskedRange,
  { size, version }: { size: number; version: string },
): RangeChoice => {
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range ?? '') ?? [];
  if (first === '' && last === '') return whole;
  if (ifRange !== undefined && ifRange !== `"${version}"`) return whole;

  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? unsatisfiable : { kind: 'part', span: { offset: size - length, length } };
  }
  const offset = Number(first);
  if (last !== '' && Number(last) < offset) return whole;
  if (offset >= size) return unsatisfiable;
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { kind: 'part', span: { offset, length: end - offset + 1 } };
};

/** The Content-Range of a part; with null, of a refusal (section 14.4). */
export const contentRange = (size: number, span: ByteSpan | null): string =>
  span ? `bytes ${span.offset}-${span.offset + span.length - 1}/${size}` : `bytes */${size}`;

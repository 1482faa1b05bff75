import { latin1 } from '../../platform/rules/bytes.ts';

export const pdfType = 'application/pdf';

/** Readers look for the header in the first 1,024 bytes (ISO 32000-1, appendix H.3, note 13). */
const headerWithin = 1024;

export const opensAsPdf = (head: Uint8Array): boolean =>
  latin1.decode(head.subarray(0, headerWithin + 5)).includes('%PDF-');

/** The header that a PDF begins with (ISO 32000-2, section 7.5.2). */
export const beginsAsPdf = (head: Uint8Array): boolean =>
  /^%PDF-(?:1\.[0-7]|2\.0)(?!\d)/.test(latin1.decode(head.subarray(0, 9)));

/** What ends each version of a PDF (section 7.5.5): where its table is, and the mark. White space is that of 7.2.3. */
const trailer = /startxref[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+%%EOF/;
const trailerBytes = 64;

export const hasPdfTrailer = (tail: Uint8Array): boolean => trailer.test(latin1.decode(tail));

/** Whether nothing but white space follows the last trailer. */
export const endsAsPdf = (tail: Uint8Array): boolean => {
  const end = tail.findLastIndex((byte) => ![0, 9, 10, 12, 13, 32].includes(byte)) + 1;
  const last = latin1.decode(tail.subarray(Math.max(0, end - trailerBytes), end));
  return last.endsWith('%%EOF') && trailer.test(last);
};

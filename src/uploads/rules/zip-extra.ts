import { viewOf } from '../../platform/rules/bytes.ts';

/** Extra fields of a ZIP's headers (APPNOTE.TXT 6.3.10, section 4.5): wide sizes, and another name. */
const zip64 = 0x0001;
export const unicodePath = 0x7075;

/** @returns the content of the first field of that id; what is no field, such as padding, ends the search */
export const extraField = (extra: Uint8Array, id: number): DataView | null => {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = view.getUint16(at + 2, true);
    const end = at + 4 + length;
    if (end > extra.byteLength) return null;
    if (view.getUint16(at, true) === id) return new DataView(extra.buffer, extra.byteOffset + at + 4, length);
    at = end;
  }
  return null;
};

/** Those of the values that did not fit into four bytes, in the order of section 4.5.3: size, compressed size, offset. */
export const wideSizes = <const T extends readonly number[]>(
  extra: Uint8Array,
  values: T,
): { readonly [K in keyof T]: number } => {
  const field = extraField(extra, zip64);
  let at = 0;
  return values.map((value) => {
    if (value !== 0xffffffff || !field || at + 8 > field.byteLength) return value;
    at += 8;
    return Number(field.getBigUint64(at - 8, true));
  }) as { readonly [K in keyof T]: number };
};

/** The bytes in lower-case digits. Node 24, in which the operator's programs run, lacks `toHex()`. */
export const hexOf = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

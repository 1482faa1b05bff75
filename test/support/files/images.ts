export const png: Uint8Array<ArrayBuffer> = Uint8Array.fromBase64(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
);

/** As its marks go: it need not decode to anything. */
export const jpeg: Uint8Array<ArrayBuffer> = Uint8Array.fromHex(
  'ffd8ffe000104a46494600000000000000000000ffc0000b080001000101011100ffda0008010100003f00d2ffd9',
);

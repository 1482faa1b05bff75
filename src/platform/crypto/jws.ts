const segment = /^[A-Za-z0-9_-]+$/;
const maxLength = 8192;

// The last character of a segment has unused low bits, which must be zero (RFC 4648 section 3.5):
// a segment of 4n+2 characters leaves four of them, one of 4n+3 leaves two.
const lastOfTwo = /[AQgw]$/;
const lastOfThree = /[AEIMQUYcgkosw048]$/;

const isCanonicalBase64url = (text: string): boolean => {
  if (!segment.test(text)) return false;
  switch (text.length % 4) {
    case 1:
      return false;
    case 2:
      return lastOfTwo.test(text);
    case 3:
      return lastOfThree.test(text);
    default:
      return true;
  }
};

/**
 * Whether a text is a compact JWS (RFC 7515 section 7.1) in its canonical spelling: three base64url segments, without
 * padding or white space. A lenient decoder would accept many spellings of one token.
 */
export const isCanonicalCompactJws = (text: string): boolean => {
  if (text.length > maxLength) return false;
  const segments = text.split('.');
  return segments.length === 3 && segments.every(isCanonicalBase64url);
};

/** The order of the group of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const half = order / 2n;

/** The length of r and of s, in bytes (RFC 7518 section 3.4). */
const halfLength = 32;

const readS = (signature: Uint8Array): bigint => BigInt(`0x${signature.slice(halfLength).toHex()}`);

/** Whether s is the lower of s and order − s. Both are valid for the same r, so a token would have two spellings. */
export const hasLowS = (signature: Uint8Array): boolean =>
  signature.length === 2 * halfLength && readS(signature) <= half;

/** The same signature with the lower of its two values of s. */
export const withLowS = (signature: Uint8Array): Uint8Array<ArrayBuffer> => {
  const low = new Uint8Array(signature);
  if (hasLowS(signature)) return low;
  const hex = (order - readS(signature)).toString(16).padStart(2 * halfLength, '0');
  low.set(Uint8Array.fromHex(hex), halfLength);
  return low;
};

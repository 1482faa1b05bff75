/** The order of the group of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const half = order / 2n;

/** Bytes of r and of s in the form of JWS (RFC 7518 section 3.4). */
const halfLength = 32;

const readS = (signature: Uint8Array): bigint => BigInt(`0x${signature.slice(halfLength).toHex()}`);

/** Whether s is the lower one of s and order − s: both are good for the same r, and one token would have two spellings. */
export const hasLowS = (signature: Uint8Array): boolean =>
  signature.length === 2 * halfLength && readS(signature) <= half;

/** The same signature with the lower one of its two values of s. */
export const withLowS = (signature: Uint8Array): Uint8Array<ArrayBuffer> => {
  const low = new Uint8Array(signature);
  if (hasLowS(signature)) return low;
  const hex = (order - readS(signature)).toString(16).padStart(2 * halfLength, '0');
  low.set(Uint8Array.fromHex(hex), halfLength);
  return low;
};

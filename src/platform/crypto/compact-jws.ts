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
 * Whether a text is a compact JWS (RFC 7515 section 7.1) in its one canonical spelling: three base64url
 * segments, unpadded, with no white space. Decoders that are lenient here give one token many spellings.
 */
export const isCanonicalCompactJws = (text: string): boolean => {
  if (text.length > maxLength) return false;
  const segments = text.split('.');
  return segments.length === 3 && segments.every(isCanonicalBase64url);
};

const encoder = new TextEncoder();

// RFC 5322 section 2.1.1 allows 998 characters a line, of which the name of the header takes some.
const maxPlainLength = 900;
// An encoded-word has at most 75 characters, 12 of them frame (RFC 2047 section 2): 60 of base64, 45 bytes.
const maxWordBytes = 45;

/** Whether a header can carry the text as it is; `=?` would be read as an encoded-word. */
export const isPlainHeaderText = (text: string): boolean =>
  /^[ -~]*$/.test(text) && !text.includes('=?') && text.length <= maxPlainLength;

const encodedWord = (bytes: readonly number[]): string =>
  `=?UTF-8?B?${btoa(String.fromCharCode(...bytes))}?=`;

/** The text as a header carries it: plain where that is enough, else encoded-words, one a line (RFC 2047). */
export const encodeHeaderText = (text: string): string => {
  if (isPlainHeaderText(text)) return text;
  const words: number[][] = [[]];
  // Whole characters only: no word may end in the middle of one (RFC 2047 section 5).
  for (const character of text) {
    const bytes = encoder.encode(character);
    if ((words.at(-1)?.length ?? 0) + bytes.length > maxWordBytes) words.push([]);
    words.at(-1)?.push(...bytes);
  }
  return words.map(encodedWord).join('\r\n ');
};

const encoder = new TextEncoder();

// RFC 2045 section 6.7: at most 76 characters a line, the `=` of a soft line break among them.
const maxLineLength = 75;

const [tab, space, equals, tilde] = [0x09, 0x20, 0x3d, 0x7e];

const encodeByte = (byte: number, isLast: boolean): string => {
  const isBlank = byte === space || byte === tab;
  // Blanks at the end of a line are lost on the way.
  const isLiteral = isBlank ? !isLast : byte > space && byte <= tilde && byte !== equals;
  return isLiteral ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
};

const encodeLine = (line: string): string => {
  const bytes = encoder.encode(line);
  const lines: string[] = [];
  let current = '';
  bytes.forEach((byte, index) => {
    const encoded = encodeByte(byte, index === bytes.length - 1);
    if (current.length + encoded.length > maxLineLength) {
      lines.push(`${current}=`);
      current = '';
    }
    current += encoded;
  });
  return [...lines, current].join('\r\n');
};

/** Text as printable ASCII in short lines that end in CRLF (RFC 2045 section 6.7). */
export const encodeQuotedPrintable = (text: string): string =>
  text
    .split(/\r\n|\r|\n/)
    .map(encodeLine)
    .join('\r\n');

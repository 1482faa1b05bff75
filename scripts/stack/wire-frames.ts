const sslRequest = 80877103;
const gssRequest = 80877104;
const cancelRequest = 80877102;

export type Frame = { readonly type: string; readonly bytes: Buffer };

/**
 * Cuts what a client sends into messages (PostgreSQL protocol, 54.7). The messages before and with the
 * startup carry no type byte; here they are called `ssl`, `cancel` and `startup`.
 */
export const createFrameReader = () => {
  let buffer: Buffer = Buffer.alloc(0);
  let started = false;

  const next = (): Frame | null => {
    const headerBytes = started ? 5 : 8;
    if (buffer.length < headerBytes) return null;
    const size = started ? 1 + buffer.readInt32BE(1) : buffer.readInt32BE(0);
    if (buffer.length < size) return null;
    const bytes = buffer.subarray(0, size);
    buffer = buffer.subarray(size);
    if (started) return { type: String.fromCharCode(bytes[0] ?? 0), bytes };

    const code = bytes.readInt32BE(4);
    if (code === sslRequest || code === gssRequest) return { type: 'ssl', bytes };
    if (code === cancelRequest) return { type: 'cancel', bytes };
    started = true;
    return { type: 'startup', bytes };
  };

  return {
    read: (chunk: Buffer): Frame[] => {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
      const frames: Frame[] = [];
      for (let frame = next(); frame !== null; frame = next()) frames.push(frame);
      return frames;
    },
  };
};

/** The user of a startup message: pairs of NUL-ended strings after length and version. */
export const startupUser = (bytes: Buffer): string => {
  const words = bytes.toString('utf8', 8).split('\0');
  for (let index = 0; index + 1 < words.length; index += 2) {
    if (words[index] === 'user') return words[index + 1] ?? '';
  }
  return '';
};

/** An ErrorResponse that ends the connection. */
export const fatalError = (code: string, message: string): Buffer => {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
};

/** The status in a closing ReadyForQuery: idle, in a transaction, in a failed one; null when there is none. */
export const readyStatus = (answer: Uint8Array): string | null => {
  const start = answer.length - 6;
  if (start < 0 || answer[start] !== 0x5a || answer[start + 4] !== 5) return null;
  return String.fromCharCode(answer[start + 5] ?? 0);
};

/** One character for each byte; 0x80 to 0x9F are read as Windows does. */
export const latin1 = new TextDecoder('latin1');

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

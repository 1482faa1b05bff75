import type { ScannerConfig } from '../config/uploads.ts';
import { outcomeOfClamdReply } from '../rules/clamd-reply.ts';
import type { Scanner, ScanOutcome } from '../rules/scan.ts';
import { type ClamdConnection, openClamdConnection } from './clamd-connection.ts';

type Options = Omit<Extract<ScannerConfig, { kind: 'clamav' }>, 'kind'>;

const encoder = new TextEncoder();
const command = encoder.encode('zINSTREAM\0');
const pingLimitMs = 2_000;
const end = new Uint8Array(4);
const frameBytes = 65_536;

/** Each piece after its length, four bytes in network order; the length zero ends the stream. */
const framed = (piece: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(4 + piece.byteLength);
  new DataView(frame.buffer).setUint32(0, piece.byteLength);
  frame.set(piece, 4);
  return frame;
};

/** The zero frame is sent only after all of the content: clamd would call the first half of a file clean too. */
const sendAll = async (connection: ClamdConnection, content: ReadableStream<Uint8Array>): Promise<void> => {
  await connection.write(command);
  for await (const piece of content) {
    for (let at = 0; at < piece.byteLength; at += frameBytes) {
      await connection.write(framed(piece.subarray(at, at + frameBytes)));
      // An early answer is heard before the next write finds the connection closed, and takes the answer with it.
      await scheduler.wait(0);
    }
  }
  await connection.write(end);
};

const pingClamd = async (server: Options, given: AbortSignal): Promise<void> => {
  const connection = openClamdConnection(server, AbortSignal.any([given, AbortSignal.timeout(pingLimitMs)]));
  try {
    await connection.write(encoder.encode('zPING\0'));
    if ((await connection.readReply()) !== 'PONG') throw new Error('clamd did not answer its PING');
  } finally {
    connection.close();
  }
};

/** ClamAV by its daemon's INSTREAM, over a socket of the Worker. The content passes through and is not held. */
export const createClamavScanner = (server: Options): Scanner => ({
  engine: 'clamav',
  ping: (signal) => pingClamd(server, signal),
  scan: async ({ open }, signal): Promise<ScanOutcome> => {
    // What breaks off later may be the file's doing; this is not.
    const isThere = await pingClamd(server, signal).then(
      () => true,
      () => false,
    );
    if (!isThere) return { kind: 'unavailable', reason: 'clamd away' };
    const content = await open();
    const connection = openClamdConnection(server, signal);
    try {
      // It answers before the end when the file is over its limit, and does not read the rest.
      const replied = connection.readReply();
      let isSent = false;
      const sent = sendAll(connection, content).then(() => {
        isSent = true;
        return replied;
      });
      const outcome = outcomeOfClamdReply(await Promise.any([replied, sent]));
      const isClean = outcome.kind === 'verdict' && outcome.verdict.kind === 'clean';
      return isClean && !isSent ? { kind: 'retry', reason: 'clamd answered too early' } : outcome;
    } catch {
      return { kind: 'retry', reason: signal.aborted ? 'clamd timeout' : 'clamd connection failed' };
    } finally {
      connection.close();
      await content.cancel().catch(() => {});
    }
  },
});

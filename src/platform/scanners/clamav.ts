import { connect } from 'cloudflare:sockets';
import type { ScannerConfig } from '../config/uploads.ts';
import { outcomeOfClamdReply, type Scanner, type ScanOutcome } from '../rules/scan.ts';

type Server = Omit<Extract<ScannerConfig, { kind: 'clamav' }>, 'kind'>;

type ClamdConnection = {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** The line that clamd answers. @throws Error where clamd closes before */
  readonly readReply: () => Promise<string>;
  readonly close: () => void;
};

/** Far above any name of a threat. */
const maxReplyLength = 4096;
const pingLimitMs = 2_000;
const frameBytes = 65_536;

const encoder = new TextEncoder();

/** clamd has neither encryption nor a login: it belongs on a private network. */
const openClamdConnection = (server: Server, signal: AbortSignal): ClamdConnection => {
  // clamd may answer and close its side early; that must not end our writing with an error.
  const socket = connect(server, { allowHalfOpen: true });
  const reader = socket.readable.getReader();
  const writer = socket.writable.getWriter();
  for (const state of [socket.opened, socket.closed, writer.closed, reader.closed]) state.catch(() => {});
  const close = (): void => {
    signal.removeEventListener('abort', close);
    socket.close().catch(() => {});
  };
  signal.addEventListener('abort', close, { once: true });

  return {
    close,
    write: (bytes) => writer.write(bytes),
    readReply: async () => {
      const decoder = new TextDecoder();
      let reply = '';
      while (!reply.includes('\0')) {
        const { value, done } = await reader.read();
        if (done || reply.length > maxReplyLength) throw new Error('no reply');
        reply += decoder.decode(value, { stream: true });
      }
      return reply.slice(0, reply.indexOf('\0')).trim();
    },
  };
};

/** A piece after its length, four bytes in network order. */
const framed = (piece: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(4 + piece.byteLength);
  new DataView(frame.buffer).setUint32(0, piece.byteLength);
  frame.set(piece, 4);
  return frame;
};

/** Sends the content, and the empty frame that ends it last: clamd would call the first half of a file clean too. */
const sendAll = async (connection: ClamdConnection, content: ReadableStream<Uint8Array>): Promise<void> => {
  await connection.write(encoder.encode('zINSTREAM\0'));
  for await (const piece of content) {
    for (let at = 0; at < piece.byteLength; at += frameBytes) {
      await connection.write(framed(piece.subarray(at, at + frameBytes)));
      // Reads an early answer before the next write fails on the closed connection and the answer is lost.
      await scheduler.wait(0);
    }
  }
  await connection.write(framed(new Uint8Array()));
};

const pingClamd = async (server: Server, given: AbortSignal): Promise<void> => {
  const connection = openClamdConnection(server, AbortSignal.any([given, AbortSignal.timeout(pingLimitMs)]));
  try {
    await connection.write(encoder.encode('zPING\0'));
    if ((await connection.readReply()) !== 'PONG') throw new Error('clamd did not answer its PING');
  } finally {
    connection.close();
  }
};

/** ClamAV through the INSTREAM command of its daemon. The content passes through and is not held. */
export const createClamavScanner = (server: Server): Scanner => ({
  engine: 'clamav',
  ping: (signal) => pingClamd(server, signal),
  scan: async ({ open }, signal): Promise<ScanOutcome> => {
    // A connection that breaks off later may be the fault of the file; a missing answer here cannot be.
    const isThere = await pingClamd(server, signal).then(
      () => true,
      () => false,
    );
    if (!isThere) return { kind: 'unavailable', reason: 'clamd away' };
    const content = await open();
    const connection = openClamdConnection(server, signal);
    try {
      // clamd answers before the end when the file is over its limit, and does not read the rest.
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

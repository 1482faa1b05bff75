import { connect } from 'cloudflare:sockets';
import type { DeliveryOutcome } from '../rules/mail.ts';

export type SmtpSecurity = 'implicit-tls' | 'starttls';
type Server = { readonly host: string; readonly port: number; readonly security: SmtpSecurity };

/** The lines of one reply of the server share its code (RFC 5321 section 4.2). */
export type SmtpReply = { readonly code: number; readonly lines: readonly string[] };

/** Ends the session; `outcome` is what that means for the message. */
export class SmtpFailure extends Error {
  readonly outcome: DeliveryOutcome;

  constructor(outcome: DeliveryOutcome) {
    super('the SMTP session failed');
    this.name = 'SmtpFailure';
    this.outcome = outcome;
  }
}

export const retryFailure = (reason: string): SmtpFailure => new SmtpFailure({ kind: 'retry', reason });

/** A connection to an SMTP server. Its methods throw SmtpFailure. */
export type SmtpConnection = {
  readonly write: (text: string) => Promise<void>;
  readonly readReply: () => Promise<SmtpReply>;
  /** Encrypts the connection from here on; the runtime checks the certificate. */
  readonly startTls: () => void;
  readonly close: () => void;
};

// Far above RFC 5321 section 4.5.3.1.5 (512 bytes a line); a server that sends more is not an SMTP server.
const maxReplyLength = 16_384;
const replyLine = /^([2-5]\d\d)(?:([ -])(.*))?$/;

// The errors of the runtime name addresses of machines, so they are replaced.
const lost = (): never => {
  throw retryFailure('connection failed');
};

export const openSmtpConnection = ({ host, port, security }: Server, signal: AbortSignal): SmtpConnection => {
  const encoder = new TextEncoder();
  const secureTransport = security === 'implicit-tls' ? 'on' : 'starttls';
  let socket = connect({ hostname: host, port }, { secureTransport, allowHalfOpen: false });
  let reader: ReadableStreamDefaultReader<Uint8Array>;
  let writer: WritableStreamDefaultWriter<Uint8Array>;
  let decoder = new TextDecoder();
  let received = '';

  const attach = (): void => {
    reader = socket.readable.getReader();
    writer = socket.writable.getWriter();
    // Reads and writes report the same failures; unhandled, these would be logged by the runtime.
    for (const state of [socket.opened, socket.closed, writer.closed, reader.closed]) state.catch(() => {});
  };
  const close = (): void => {
    signal.removeEventListener('abort', close);
    socket.close().catch(() => {});
  };
  attach();
  signal.addEventListener('abort', close, { once: true });

  const readLine = async (): Promise<string> => {
    for (;;) {
      const end = received.indexOf('\n');
      if (end >= 0) {
        const line = received.slice(0, end).replace(/\r$/, '');
        received = received.slice(end + 1);
        return line;
      }
      if (received.length > maxReplyLength) throw retryFailure('smtp reply too long');
      const { value, done } = await reader.read().catch(lost);
      if (done) return lost();
      received += decoder.decode(value, { stream: true });
    }
  };

  return {
    close,
    write: (text) => writer.write(encoder.encode(text)).catch(lost),
    readReply: async () => {
      const lines: string[] = [];
      for (let length = 0; length <= maxReplyLength; ) {
        const line = await readLine();
        const [, code, separator, text = ''] = replyLine.exec(line) ?? [];
        if (code === undefined) throw retryFailure('smtp reply not understood');
        lines.push(text);
        length += line.length;
        if (separator !== '-') return { code: Number(code), lines };
      }
      throw retryFailure('smtp reply too long');
    },
    startTls: () => {
      // Text received in clear must not be read as if it had been encrypted (CVE-2011-0411).
      if (received !== '') throw retryFailure('smtp text before TLS');
      reader.releaseLock();
      writer.releaseLock();
      socket = socket.startTls();
      decoder = new TextDecoder();
      attach();
    },
  };
};

import { connect } from 'cloudflare:sockets';

export type ClamdConnection = {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** The one line that clamd answers; without it, an error. */
  readonly readReply: () => Promise<string>;
  readonly close: () => void;
};

/** Far above any name of a threat; who sends more is no clamd. */
const maxReplyLength = 4096;

/** clamd speaks in clear and knows no login: it has to be reached over a private network. */
export const openClamdConnection = (
  server: { readonly hostname: string; readonly port: number },
  signal: AbortSignal,
): ClamdConnection => {
  // A server that has said all and closes its side must not end our writing with an error of ours.
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

import { createConnection } from 'node:net';

export type RawResponse = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
};

const patienceMs = 15_000;

/** The first response in the received bytes, or null while it is not complete. */
const parse = (received: Buffer, isHead: boolean): RawResponse | null => {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [statusLine = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const rest = received.subarray(headEnd + 4);
  const isChunked = headers.get('Transfer-Encoding') === 'chunked';
  const length = Number(headers.get('Content-Length') ?? 0);
  const isComplete =
    isHead || (isChunked ? rest.toString('latin1').endsWith('0\r\n\r\n') : rest.length >= length);
  if (!isComplete) return null;
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.toString('utf8') };
};

/**
 * Sends bytes as they are, which no HTTP client would, and reads one response.
 * @returns null where the server hangs up without one
 * @throws Error where it neither answers nor hangs up
 */
export const exchangeRaw = (port: number, request: string | Uint8Array): Promise<RawResponse | null> =>
  new Promise((resolve, reject) => {
    const bytes = Buffer.from(request as string, 'latin1');
    const isHead = bytes.subarray(0, 5).toString('latin1') === 'HEAD ';
    let received = Buffer.alloc(0);
    const socket = createConnection(port, '127.0.0.1');
    const finish = () => {
      socket.destroy();
      resolve(parse(received, isHead));
    };
    socket.setTimeout(patienceMs, () => {
      socket.destroy();
      reject(new Error(`no answer within ${patienceMs} ms`));
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (parse(received, isHead)) finish();
    });
    // A server may refuse before all has been sent, and reset the rest.
    socket.on('error', finish).on('close', finish);
    socket.write(bytes);
  });

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadRequest, readNeonRequest } from './neon-request.ts';
import { PostgresError, type SqlBackend, type StatementResult } from './sql-backend.ts';
import { runTransaction } from './transaction.ts';

export type NeonEndpoint = {
  /** For the driver's `fetchEndpoint`: `http://127.0.0.1:<port>/sql`. */
  readonly url: string;
  readonly port: number;
  /** How many requests to /sql have come in. */
  readonly roundTrips: () => number;
  readonly close: () => Promise<void>;
};

type Options = {
  /** Requests wait for one that is still on its way. */
  readonly backend: SqlBackend | Promise<SqlBackend>;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Larger bodies are answered 413; Neon's own limit is 10 MiB. */
  readonly maxBodyBytes?: number;
  /** Added to each answer to /sql, as if the database were that far away. */
  readonly networkMs?: number;
};

type Answer = { readonly status: number; readonly body: unknown };

/**
 * Neon's SQL over HTTP, on the loopback interface only, in front of any backend. Each request is one
 * transaction under the role of its connection string. A statement that Postgres refuses is 400 with
 * the error's fields; a backend that cannot be reached is 503.
 */
export const startNeonEndpoint = async ({
  backend,
  port = 0,
  maxBodyBytes = 10 * 1024 * 1024,
  networkMs = 0,
}: Options): Promise<NeonEndpoint> => {
  let roundTrips = 0;

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /round-trips') return { status: 200, body: { count: roundTrips } };
    if (route !== 'POST /sql') return { status: 404, body: { message: 'POST /sql is what is served here' } };
    roundTrips++;
    const body = await readBody(request, maxBodyBytes);
    if (networkMs > 0) await sleep(networkMs);
    if (body === null) return { status: 413, body: { message: `the body exceeds ${maxBodyBytes} bytes` } };
    return runSql(backend, request, body);
  };

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => send(response, status, body),
      // What cannot be read to its end has nobody left to answer; a bug must not look like an answer.
      (error: Error) => send(response, 500, { message: error.message }),
    );
  });
  // Longer than the clients keep theirs, or a request may meet a connection that is being closed.
  server.keepAliveTimeout = 65_000;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const boundPort = (server.address() as AddressInfo).port;

  return {
    url: `http://127.0.0.1:${boundPort}/sql`,
    port: boundPort,
    roundTrips: () => roundTrips,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

const runSql = async (
  backend: Options['backend'],
  request: IncomingMessage,
  body: Buffer,
): Promise<Answer> => {
  try {
    const { user, statements, options, batch, rowsAsArrays } = readNeonRequest(request.headers, body);
    const results = await runTransaction(await backend, user, statements, options);
    const shaped = results.map((result) => shapeResult(result, rowsAsArrays));
    return { status: 200, body: batch ? { results: shaped } : shaped[0] };
  } catch (error) {
    if (error instanceof PostgresError)
      return { status: 400, body: { message: error.message, ...error.fields } };
    if (error instanceof BadRequest) return { status: 400, body: { message: error.message } };
    return { status: 503, body: { message: (error as Error).message } };
  }
};

const shapeResult = ({ rows, fields, ...rest }: StatementResult, rowAsArray: boolean) => ({
  ...rest,
  fields,
  rowAsArray,
  rows: rowAsArray
    ? rows
    : rows.map((row) => Object.fromEntries(fields.map(({ name }, column) => [name, row[column] ?? null]))),
});

/** Null when there is more than `maxBytes` of it; the rest is read and dropped, so that the answer arrives. */
const readBody = async (request: IncomingMessage, maxBytes: number): Promise<Buffer | null> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return size > maxBytes ? null : Buffer.concat(chunks);
};

const send = (response: ServerResponse, status: number, body: unknown) => {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadRequest, readNeonRequest } from './neon-request.ts';
import {
  createTransactions,
  StatementRefused,
  type StatementResult,
  type Transactions,
} from './transactions.ts';

type Options = {
  /** The server behind it, as a role that may become every other one. Requests wait for a database that is being opened. */
  readonly databaseUrl: string | Promise<string>;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Added to each answer to /sql, as if the database were that far away. */
  readonly networkMs?: number;
};

type Answer = { readonly status: number; readonly body: unknown };

/** Neon's own limit; larger bodies are answered 413. */
const maxBodyBytes = 10 * 1024 * 1024;

/**
 * Neon's SQL over HTTP, on the loopback interface only, in front of a PostgreSQL. Each request is one transaction under
 * the role of its connection string. A statement that Postgres refuses is 400 with the error's fields; a server that
 * cannot be reached is 503.
 */
export const startNeonEndpoint = async ({ databaseUrl, port: wantedPort = 0, networkMs = 0 }: Options) => {
  let roundTrips = 0;
  const transactions = Promise.resolve(databaseUrl).then(createTransactions);
  // No request may be waiting for it yet.
  transactions.catch(() => {});

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /round-trips') return { status: 200, body: { count: roundTrips } };
    if (route !== 'POST /sql')
      return { status: 404, body: { message: 'this server answers POST /sql only' } };
    roundTrips++;
    const body = await readBody(request);
    if (networkMs > 0) await sleep(networkMs);
    if (body === null) return { status: 413, body: { message: `the body exceeds ${maxBodyBytes} bytes` } };
    return runSql(transactions, request, body);
  };

  const server = createServer(async (request, response) => {
    // A bug, or a request that broke off: neither may look like an answer of the database.
    const failed = (error: Error): Answer => ({ status: 500, body: { message: error.message } });
    const { status, body } = await answer(request).catch(failed);
    if (response.destroyed) return;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  // Longer than the clients keep theirs, or a request may meet a connection that is being closed.
  server.keepAliveTimeout = 65_000;

  server.listen(wantedPort, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    /** For the driver's `fetchEndpoint`. */
    url: `http://127.0.0.1:${port}/sql`,
    port,
    /** The number of requests to /sql so far. */
    roundTrips: () => roundTrips,
    close: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await (await transactions.catch(() => null))?.close();
    },
  };
};

const runSql = async (
  transactions: Promise<Transactions>,
  request: IncomingMessage,
  body: Buffer,
): Promise<Answer> => {
  try {
    const { user, statements, options, batch, rowsAsArrays } = readNeonRequest(request.headers, body);
    const results = await (await transactions).run(user, statements, options);
    const shaped = results.map((result) => shapeResult(result, rowsAsArrays));
    return { status: 200, body: batch ? { results: shaped } : shaped[0] };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof StatementRefused) return { status: 400, body: { message, ...error.fields } };
    if (error instanceof BadRequest) return { status: 400, body: { message } };
    return { status: 503, body: { message: `no connection to PostgreSQL: ${message}` } };
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

/** Null when the body is too large; the rest is read and dropped, so that the answer arrives. */
const readBody = async (request: IncomingMessage): Promise<Buffer | null> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  return size > maxBodyBytes ? null : Buffer.concat(chunks);
};

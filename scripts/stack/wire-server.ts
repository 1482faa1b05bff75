import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { PGlite } from '@electric-sql/pglite';
import { embeddedSuperuser } from './pglite-backend.ts';
import { quoteIdentifier } from './transaction.ts';
import type { Turn } from './turn.ts';
import { createFrameReader, type Frame, fatalError, readyStatus, startupUser } from './wire-frames.ts';

export type WireServer = {
  readonly port: number;
  /** Lets the connections that already wait go ahead. */
  readonly serve: (database: PGlite) => void;
  readonly close: () => Promise<void>;
};

/** Query, Sync, Flush, CopyDone and CopyFail: after these a client waits for an answer. */
const awaitsAnswer = new Set(['Q', 'S', 'H', 'c', 'f']);

/**
 * PostgreSQL's own protocol in front of PGlite, on the loopback interface, for drizzle-kit and psql.
 * A connection holds the turn from its first message until it is idle outside a transaction, so that
 * connections cannot mix; and it acts as the user that it names, which PGlite itself would ignore.
 */
export const startWireServer = async (turn: Turn): Promise<WireServer> => {
  const sockets = new Set<Socket>();
  const database = Promise.withResolvers<PGlite>();

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    database.promise.then((ready) => attend(socket, ready, turn)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    serve: database.resolve,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

const attend = async (socket: Socket, database: PGlite, turn: Turn): Promise<void> => {
  const frames = createFrameReader();
  let user = '';
  let pending: Buffer[] = [];
  let endTurn: (() => void) | null = null;

  const begin = async () => {
    if (endTurn !== null) return;
    const end = await turn.take();
    await becomeUser(database, user).catch((error) => {
      end();
      throw error;
    });
    endTurn = end;
  };

  const finish = async () => {
    if (endTurn === null) return;
    await database.exec(`ROLLBACK; SET SESSION AUTHORIZATION ${embeddedSuperuser}`);
    endTurn();
    endTurn = null;
  };

  const run = async () => {
    const request = Buffer.concat(pending);
    pending = [];
    await begin();
    const answer = await database.execProtocolRaw(request);
    if (readyStatus(answer) === 'I') await finish();
    socket.write(answer);
  };

  const startUp = async (frame: Frame) => {
    user = startupUser(frame.bytes);
    pending = [frame.bytes];
    await run().catch((error: Error) => {
      socket.end(fatalError('28000', error.message));
      pending = [];
    });
  };

  const accept = async (frame: Frame) => {
    if (frame.type === 'ssl') return void socket.write('N');
    if (frame.type === 'startup') return startUp(frame);
    if (frame.type === 'cancel' || frame.type === 'X') return void socket.end();
    pending.push(frame.bytes);
    if (awaitsAnswer.has(frame.type)) await run();
  };

  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      for (const frame of frames.read(chunk)) await accept(frame);
    }
  } finally {
    await finish();
    socket.destroy();
  }
};

const becomeUser = async (database: PGlite, user: string) => {
  await database.exec(`SET SESSION AUTHORIZATION ${quoteIdentifier(user)}`);
};

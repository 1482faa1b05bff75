import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PGlite, protocol } from '@electric-sql/pglite';
import { escapeIdentifier } from 'pg';

const superuser = 'postgres';

/** The major version of PGlite's PostgreSQL, as a database has it in its file PG_VERSION. */
export const embeddedVersion = '18';

type Options = {
  /** Absent: in memory. */
  readonly directory?: string;
  /** Called with the port before the directory is touched; when it throws, the directory stays untouched. */
  readonly claim?: (wirePort: number) => Promise<void>;
};

/** A Postgres inside this process, kept in a directory or in memory. Clients may connect while it is still opened. */
export const openEmbeddedDatabase = async ({ directory, claim }: Options = {}) => {
  const opening = Promise.withResolvers<PGlite>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    opening.promise.then((database) => attend(socket, database)).catch(() => socket.destroy());
  });
  const closeServer = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    await claim?.(port);
    // PGlite asks for files that everybody may read and write.
    if (directory !== undefined) process.umask(0o077);
    const database = await PGlite.create(directory ?? 'memory://');
    opening.resolve(database);
    return {
      /** PostgreSQL's own protocol on the loopback interface, as `user`; no password is asked for. */
      url: (user: string = superuser) => `postgres://${encodeURIComponent(user)}@127.0.0.1:${port}/postgres`,
      close: async (): Promise<void> => {
        await closeServer();
        await database.close();
      },
    };
  } catch (error) {
    await closeServer();
    throw error;
  }
};

/** Query, Sync, Flush, CopyDone and CopyFail: after these a client waits for an answer. */
const awaitsAnswer = new Set(['Q', 'S', 'H', 'c', 'f']);

/**
 * PostgreSQL's own protocol in front of PGlite, which is a single connection. A client has it to itself from its first
 * message until it is idle outside a transaction, and acts as the user that it names, which PGlite would ignore.
 */
const attend = async (socket: Socket, database: PGlite): Promise<void> => {
  let user = '';
  let pending: Buffer[] = [];
  let endTurn: (() => void) | null = null;

  const execute = (query: string) => database.execProtocol(protocol.serialize.query(query));

  const begin = async () => {
    endTurn = await takeTurn(database);
    if (user !== superuser) await execute(`SET SESSION AUTHORIZATION ${escapeIdentifier(user)}`);
  };

  const finish = async () => {
    if (endTurn === null) return;
    await execute('ROLLBACK');
    await execute(`SET SESSION AUTHORIZATION ${superuser}`);
    endTurn();
    endTurn = null;
  };

  const run = async () => {
    const request = Buffer.concat(pending);
    pending = [];
    if (endTurn === null) await begin();
    // A copy, because PGlite writes its next answer over this one.
    const answer = Buffer.from(await database.execProtocolRaw(request));
    if (isIdle(answer)) await finish();
    socket.write(answer);
  };

  const accept = async ({ type, bytes }: Frame) => {
    switch (type) {
      case 'ssl':
        return void socket.write('N');
      case 'cancel':
      case 'X':
        return void socket.end();
      case 'startup':
        user = startupUser(bytes);
        pending = [bytes];
        return run().catch((error: Error) => void socket.end(fatalError('28000', error.message)));
      default:
        pending.push(bytes);
        if (awaitsAnswer.has(type)) await run();
    }
  };

  try {
    for await (const frame of readFrames(socket)) await accept(frame);
  } finally {
    await finish();
    socket.destroy();
  }
};

/** Waits until no other client has the database. The promised function ends the turn. */
const takeTurn = (database: PGlite): Promise<() => void> =>
  new Promise((start, fail) => {
    database.runExclusive(() => new Promise<void>(start)).catch(fail);
  });

type Frame = { readonly type: string; readonly bytes: Buffer };

/** The messages that precede a startup, by the code in place of a version; the second one asks for GSS encryption. */
const startupCodes: Readonly<Record<number, string>> = {
  80877103: 'ssl',
  80877104: 'ssl',
  80877102: 'cancel',
};

/**
 * The messages of a client (PostgreSQL protocol, 54.7), by their type byte. Those of the startup carry none; here they
 * are called `ssl`, `cancel` and `startup`.
 */
async function* readFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let buffer: Buffer = Buffer.alloc(0);
  let isStarted = false;
  for await (const chunk of chunks) {
    buffer = Buffer.concat([buffer, chunk]);
    while (buffer.length >= (isStarted ? 5 : 8)) {
      const size = isStarted ? 1 + buffer.readInt32BE(1) : buffer.readInt32BE(0);
      if (buffer.length < size) break;
      const bytes = buffer.subarray(0, size);
      buffer = buffer.subarray(size);
      const type: string = isStarted
        ? String.fromCharCode(bytes[0] ?? 0)
        : (startupCodes[bytes.readInt32BE(4)] ?? 'startup');
      isStarted ||= type === 'startup';
      yield { type, bytes };
    }
  }
}

/** The user of a startup message: pairs of NUL-ended strings after length and version. */
const startupUser = (bytes: Buffer): string => {
  const words = bytes.toString('utf8', 8).split('\0');
  const name = words.findIndex((word, index) => index % 2 === 0 && word === 'user');
  return name === -1 ? '' : (words[name + 1] ?? '');
};

/** An ErrorResponse that ends the connection. */
const fatalError = (code: string, message: string): Buffer => {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const header = Buffer.from('E\0\0\0\0');
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
};

/** Whether an answer closes with a ReadyForQuery outside a transaction: Z, a length of 5, I. */
const isIdle = (answer: Buffer): boolean => answer.subarray(-6).equals(Buffer.from('Z\0\0\0\x05I'));

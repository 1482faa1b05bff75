import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTransactions } from '../../scripts/stack/transactions.ts';
import { type Database, openInMemory } from '../support/node/database.ts';

let database: Database;
let url: string;
/** A server that restarts breaks every connection; the way to it is cut in its stead. */
const sockets = new Set<Socket>();
let isDown = false;
const way = createServer((socket) => {
  if (isDown) return void socket.destroy();
  const server = connect(Number(new URL(database.adminUrl).port), '127.0.0.1');
  for (const each of [socket, server]) {
    sockets.add(each);
    each.on('error', () => {});
  }
  socket.pipe(server).pipe(socket);
  return undefined;
});
const restart = () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
};

beforeAll(async () => {
  database = await openInMemory();
  way.listen(0, '127.0.0.1');
  await once(way, 'listening');
  const through = new URL(database.adminUrl);
  through.port = String((way.address() as AddressInfo).port);
  url = through.href;
});
afterAll(async () => {
  restart();
  way.close();
  await database.close();
});

test('a server that restarts fails the transactions under way, and the next ones find it again', async () => {
  const { run, close } = createTransactions(url);
  const ask = () => run('postgres', [{ query: 'select 1 as one', params: [] }], {});
  await ask();
  // An unhandled event would end the process, and this test.
  const underWay = run('postgres', [{ query: 'select pg_sleep(0.5)', params: [] }], {});
  setTimeout(restart, 100);
  await expect(underWay).rejects.toThrow();

  isDown = true;
  restart();
  await expect(ask()).rejects.toThrow();
  isDown = false;
  expect((await ask())[0]?.rows).toEqual([['1']]);
  await close();
});

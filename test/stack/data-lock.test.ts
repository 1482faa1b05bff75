import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findLockHolder, refuseHeldData, takeDataLock } from '../../scripts/stack/data-lock.ts';
import { findFreePort } from '../../scripts/stack/service-process.ts';

let directory: string;
let port: number;
const server = createServer((socket) => socket.destroy());

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

const writeLock = (record: object) => writeFile(join(directory, 'stack.lock'), JSON.stringify(record));

test('the data lock lets one process in and names it to the next', async () => {
  const lock = await takeDataLock(directory, { pid: process.pid, wirePort: port });
  await expect(takeDataLock(directory, { pid: process.pid, wirePort: port })).rejects.toThrow(
    `in use by process ${process.pid}`,
  );
  await lock.update({ pid: process.pid, wirePort: port, endpointPort: 1234 });
  expect(await findLockHolder(directory)).toEqual({ pid: process.pid, wirePort: port, endpointPort: 1234 });
  await lock.release();
  expect(await findLockHolder(directory)).toBeNull();
});

test('the data lock names the npm run dev that started its process, as long as that has it', async () => {
  const lock = await takeDataLock(directory, { pid: process.pid, wirePort: port, launcher: process.ppid });
  const sentence = `in use by npm run dev (process ${process.ppid}): stop it`;
  await expect(refuseHeldData(directory)).rejects.toThrow(sentence);
  await lock.update({ pid: process.pid, wirePort: port, endpointPort: 1234, launcher: process.ppid });
  await expect(takeDataLock(directory, { pid: 1, wirePort: port })).rejects.toThrow(sentence);
  await lock.release();
  await expect(refuseHeldData(directory)).resolves.toBeUndefined();
});

test('the data lock is free once its process has died', async () => {
  const dead = fork('-e', [], { execArgv: [], stdio: 'ignore' });
  await new Promise((resolve) => dead.once('exit', resolve));
  await writeLock({ pid: dead.pid, wirePort: port });
  await (await takeDataLock(directory, { pid: process.pid, wirePort: port })).release();
});

test('the data lock is free when another process has got the id of the one that died', async () => {
  await writeLock({ pid: process.ppid, wirePort: await findFreePort() });
  await (await takeDataLock(directory, { pid: process.pid, wirePort: port })).release();
});

test('the data lock lets in exactly one of many that take it at once', async () => {
  await writeLock({ pid: process.ppid, wirePort: await findFreePort() });
  const takers = Array.from({ length: 20 }, () =>
    takeDataLock(directory, { pid: process.pid, wirePort: port }),
  );
  const outcomes = await Promise.allSettled(takers);
  const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  expect(locks).toHaveLength(1);
  await locks[0]?.release();
});

test('the data lock lets no process in while its holder has not yet written its id', async () => {
  const lock = await takeDataLock(directory, { pid: process.pid, wirePort: port });
  await rm(join(directory, 'stack.lock'));
  await expect(takeDataLock(directory, { pid: process.pid, wirePort: port })).rejects.toThrow(
    'in use by another process',
  );
  await lock.release();
});

test.each(['', '{"pid":1', '[]', '{"pid":"1","wirePort":5}', '\0\0\0'])(
  'the data lock is repaired where a machine that stopped has left %j in stack.lock',
  async (text) => {
    const file = join(directory, 'stack.lock');
    await writeFile(file, text);
    expect(await findLockHolder(directory)).toBeNull();
    const lock = await takeDataLock(directory, { pid: process.pid, wirePort: port });
    expect((await findLockHolder(directory))?.pid).toBe(process.pid);
    // A damaged record lets nobody in while its process lives.
    await writeFile(file, text);
    await expect(findLockHolder(directory)).rejects.toThrow('in use by another process');
    await expect(takeDataLock(directory, { pid: 1, wirePort: port })).rejects.toThrow('another process');
    await lock.release();
  },
);

test('the data lock says in one sentence that its file is damaged', async () => {
  const damaged = await mkdtemp(join(tmpdir(), 'itsor-'));
  await writeFile(join(damaged, 'stack.lock.sqlite'), 'no database '.repeat(100));
  await expect(takeDataLock(damaged, { pid: process.pid, wirePort: port })).rejects.toThrow(
    /^\S+stack\.lock\.sqlite cannot be locked \(file is not a database\): delete it/,
  );
  await rm(damaged, { recursive: true });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../../../scripts/stack/service-process.ts';
import { eicar } from '../../../src/platform/scanners/builtin.ts';

/** Whether Debian's clamav-daemon, or another clamd, is installed here. */
export const hasClamd: boolean = spawnSync('clamd', ['--version']).status === 0;

export type Clamd = { readonly port: number; readonly stop: () => Promise<void> };

/** A body signature that matches anywhere in a file, in ClamAV's format: target type "any", offset "any". */
const signature = `Itsor.Test.Eicar:0:*:${Buffer.from(eicar).toString('hex')}\n`;

const answersPing = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('zPING\0');
    const [reply] = (await once(socket, 'data')) as [Buffer];
    return reply.toString().startsWith('PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};

/** A real clamd, offline, whose database is one signature. @param port the port of an earlier one, to keep it */
export const startClamd = async ({
  streamMaxMiB = 200,
  port: given = 0,
  alerts = true,
} = {}): Promise<Clamd> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-clamd-'));
  const port = given || (await findFreePort());
  await mkdir(join(directory, 'db'));
  await writeFile(join(directory, 'db', 'test.ndb'), signature);
  const settings = {
    DatabaseDirectory: join(directory, 'db'),
    TemporaryDirectory: directory,
    TCPSocket: port,
    TCPAddr: '127.0.0.1',
    Foreground: 'yes',
    StreamMaxLength: `${streamMaxMiB}M`,
    MaxFileSize: '400M',
    MaxScanSize: '400M',
    ...(alerts && { AlertExceedsMax: 'yes', AlertEncrypted: 'yes' }),
  };
  const config = join(directory, 'clamd.conf');
  await writeFile(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  );
  const child = spawn('clamd', ['--config-file', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      output += piece;
    });
  const gone = once(child, 'close');
  const deadline = Date.now() + 30_000;
  while (!(await answersPing(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`clamd did not start:\n${output}`);
    await sleep(100);
  }
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
      await rm(directory, { recursive: true, force: true });
    },
  };
};

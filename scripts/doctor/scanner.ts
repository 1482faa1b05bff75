import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ScannerConfig } from '../../src/platform/config/uploads.ts';
import { withoutBrackets } from '../../src/platform/rules/network.ts';
import { outcomeOfClamdReply } from '../../src/platform/rules/scan.ts';
import { causeOf } from '../program/reason.ts';
import { type Finding, ok, warning } from './report.ts';

const check = 'clamd';
const timeoutMs = 10_000;

/** clamd opens at most 100 archives within one another (MaxRecursion). */
export const deepArchive = (): Buffer => {
  let bytes = Buffer.from('A trial of npm run doctor.');
  for (let depth = 0; depth < 101; depth++) bytes = gzipSync(bytes);
  return bytes;
};

/** A ZIP with one entry, `a`, that is marked as encrypted: 12 bytes of its key and one of its content. */
const encryptedArchive = (): Buffer => {
  const header = Buffer.alloc(26);
  header.set([20, 0, 1, 0]);
  header.writeUInt32LE(13, 14);
  header.writeUInt32LE(1, 18);
  header.writeUInt16LE(1, 22);
  const entry = Buffer.concat([Buffer.from('PK\x03\x04'), header, Buffer.from('a'), Buffer.alloc(13, 7)]);
  const directory = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\0'),
    header,
    Buffer.alloc(14),
    Buffer.from('a'),
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.set([1, 0, 1], 8);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(entry.length, 16);
  return Buffer.concat([entry, directory, end]);
};

const scan = async ({ hostname, port }: Extract<ScannerConfig, { kind: 'clamav' }>, bytes: Buffer) => {
  const socket = connect({ host: withoutBrackets(hostname), port });
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, 'connect', { signal });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    socket.write(Buffer.concat([Buffer.from('zINSTREAM\0'), length, bytes, Buffer.alloc(4)]));
    const [reply] = (await once(socket, 'data', { signal })) as [Buffer];
    const outcome = outcomeOfClamdReply((reply.toString().split('\0', 1)[0] ?? '').trim());
    return outcome.kind === 'verdict' && outcome.verdict.kind === 'failed' ? outcome.verdict.reason : null;
  } finally {
    socket.destroy();
  }
};

/** Asks clamd, by two small files without content, whether it tells of what it cannot look into. */
export const inspectScanner = async (scanner: ScannerConfig | null): Promise<Finding[]> => {
  if (scanner?.kind !== 'clamav') return [];
  try {
    const lacks = [
      (await scan(scanner, deepArchive())) !== 'scan_limits' && 'AlertExceedsMax yes',
      (await scan(scanner, encryptedArchive())) !== 'encrypted' && 'AlertEncrypted yes',
    ].filter((lack) => lack !== false);
    return lacks.length === 0
      ? [ok(check, 'answers, and tells of what it cannot look into')]
      : [warning(check, `calls what it cannot look into clean: set ${lacks.join(' and ')} in clamd.conf`)];
  } catch (error) {
    // It may be reached from the Worker only.
    return [warning(check, `cannot be asked from here: ${causeOf(error as Error).message}`)];
  }
};

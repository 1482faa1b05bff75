import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { CliError } from '../stack/cli-error.ts';
import type { Migration } from './migrations.ts';
import { type Contents, createTally } from './rows.ts';
import type { Column, Sequence } from './tables.ts';

export const backupFormat = 'itsor-backup-1';

export type TableContents = Contents & { readonly name: string; readonly columns: readonly Column[] };

export type BackupSummary = {
  readonly createdAt: string;
  readonly migrations: readonly Migration[];
  readonly tables: readonly TableContents[];
  readonly sequences: readonly Sequence[];
};

const Header = z.object({
  format: z.literal(backupFormat),
  createdAt: z.string(),
  migrations: z.array(z.string()),
});
const Start = z.object({
  table: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
});
const EndOf = z.object({ endOf: z.string(), rows: z.number(), sha256: z.string() });
const Sequences = z.object({
  sequences: z.array(z.object({ name: z.string(), last: z.string().nullable() })),
});
const End = z.object({ end: z.string() });

type OnRows = (table: string, lines: readonly string[]) => Promise<void>;

/**
 * Reads a backup from its first line to its last, checking every count and checksum on the way. The rows, as arrays
 * in JSON, go to `onRows` in batches; what they lead to must be undone when this throws.
 *
 * @throws CliError for a file that is missing, damaged, cut off or something else
 */
export const readBackup = async (path: string, onRows: OnRows = async () => {}): Promise<BackupSummary> => {
  const lines = countedLines(path);
  const header = parse(Header, await lines.next(), () => new CliError(`${path} is no backup of Itsor.`));
  const tables: TableContents[] = [];
  for (;;) {
    const line = await lines.next();
    if (!line.startsWith('{"table"')) {
      const { sequences } = parse(Sequences, line, () => damaged(path));
      const sha256 = lines.sha256();
      const { end } = parse(End, await lines.next(), () => damaged(path));
      if (end !== sha256 || (await lines.hasMore())) throw damaged(path);
      return { ...header, tables, sequences };
    }
    const { table: name, columns } = parse(Start, line, () => damaged(path));
    const contents = await readTable(path, lines, (batch) => onRows(name, batch));
    tables.push({ name, columns, ...contents });
  }
};

type Lines = ReturnType<typeof countedLines>;

const batchCharacters = 256 * 1024;

const readTable = async (path: string, lines: Lines, onRows: (lines: string[]) => Promise<void>) => {
  const tally = createTally();
  let batch: string[] = [];
  let size = 0;
  for (;;) {
    const line = await lines.next();
    const isRow = line.startsWith('[');
    if (batch.length > 0 && (!isRow || size > batchCharacters)) {
      await onRows(batch);
      batch = [];
      size = 0;
    }
    if (!isRow) {
      const { rows, sha256 } = parse(EndOf, line, () => damaged(path));
      const counted = tally.result();
      if (rows !== counted.rows || sha256 !== counted.sha256) throw damaged(path);
      return counted;
    }
    tally.add(line);
    batch.push(line);
    size += line.length;
  }
};

/** The lines of a file that has to be complete, and the checksum of those that were read. */
const countedLines = (path: string) => {
  const lines = splitLines(path);
  const whole = createTally();
  return {
    next: async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done) throw damaged(path);
      whole.add(value);
      return value;
    },
    /** Of all lines so far. */
    sha256: () => whole.result().sha256,
    hasMore: async () => !(await lines.next()).done,
  };
};

// Not node:readline, to which U+2028 ends a line too.
async function* splitLines(path: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  // What goes wrong comes out of the last stream, which is read here.
  const bytes = pipeline(createReadStream(path), createGunzip(), () => {});
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
        yield rest.toString('utf8', start, end);
        start = end + 1;
      }
      rest = rest.subarray(start);
    }
  } catch (error) {
    throw fileSentence(path, error as NodeJS.ErrnoException);
  }
  if (rest.length > 0) throw damaged(path);
}

const fileSentence = (path: string, error: NodeJS.ErrnoException): Error => {
  switch (error.code) {
    case 'ENOENT':
      return new CliError(`There is no file ${path}.`);
    case 'EACCES':
    case 'EISDIR':
      return new CliError(`${path} cannot be read: ${error.code}.`);
    case 'Z_DATA_ERROR':
      return new CliError(`${path} is no backup of Itsor, or is damaged: ${error.message}.`);
    case 'Z_BUF_ERROR':
      return damaged(path);
    default:
      return error;
  }
};

const damaged = (path: string) =>
  new CliError(`${path} is damaged or cut off: what it holds is not what it says. Nothing was changed.`);

const parse = <T>(schema: z.ZodType<T>, line: string, refusal: () => CliError): T => {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    throw refusal();
  }
};

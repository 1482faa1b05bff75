import { createReadStream } from 'node:fs';
import { pipeline, Readable, type Writable } from 'node:stream';
import { pipeline as finished } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Client } from 'pg';
import { z } from 'zod';
import { CliError } from '../program/cli.ts';
import { forkMigrations } from '../stack/postgres.ts';
import { appliedMigrations } from './migrations.ts';
import {
  type Contents,
  createTally,
  inSnapshot,
  qualified,
  readLines,
  readTables,
  type Table,
} from './tables.ts';

const backupFormat = 'itsor-backup-1';

const Header = z.object({
  format: z.literal(backupFormat),
  createdAt: z.string(),
  migrations: z.array(z.string()),
  /** Those of a fork. A backup from before 0.2.0 has no such list. */
  forkMigrations: z.array(z.string()).default([]),
});
const Start = z.object({
  table: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
});
const EndOf = z.object({ endOf: z.string(), rows: z.number(), sha256: z.string() });
const Sequences = z.object({
  /** `last` is a bigint as text, and null for a sequence that has not been used. */
  sequences: z.array(z.object({ name: z.string(), last: z.string().nullable() })),
});
const End = z.object({ end: z.string() });

type TableContents = Pick<Table, 'name' | 'columns'> & Contents;

export type BackupSummary = Omit<z.infer<typeof Header>, 'format'> &
  z.infer<typeof Sequences> & { readonly tables: readonly TableContents[] };

/**
 * Writes one consistent state of the database, as gzipped lines of JSON (docs/runbooks/restore.md).
 *
 * @throws CliError for a database without tables
 */
export const backUp = (
  client: Client,
  place: string,
  out: Writable,
  tell: (line: string) => void = () => {},
): Promise<BackupSummary> =>
  inSnapshot(client, async () => {
    const tables = await readTables(client);
    if (tables.length === 0) throw new CliError(`There is nothing to back up in ${place}: it has no tables.`);
    const names = tables.map(({ name }) => qualified(name)).join(', ');
    // No migration may drop a table before it has been read.
    await client.query(`lock table ${names} in access share mode`);
    const contents: TableContents[] = [];
    const migrations = await appliedMigrations(client);
    const ofFork = await appliedMigrations(client, forkMigrations);
    const createdAt = new Date().toISOString();
    const { rows: sequences } = await client.query<{ name: string; last: string | null }>(
      `select sequencename as name, last_value::text as last from pg_sequences
       where schemaname = 'public' order by sequencename collate "C"`,
    );

    const whole = createTally();
    const text = (lines: readonly string[]) => {
      for (const line of lines) whole.add(line);
      return lines.map((line) => `${line}\n`).join('');
    };
    const note = (fields: object) => text([JSON.stringify(fields)]);
    const write = async function* () {
      yield note({ format: backupFormat, createdAt, migrations, forkMigrations: ofFork });
      for (const table of tables) {
        const { name, columns } = table;
        const tally = createTally();
        tell(`… rows of ${name}`);
        yield note({ table: name, columns });
        for await (const lines of readLines(client, table)) {
          for (const line of lines) tally.add(line);
          yield text(lines);
        }
        contents.push({ name, columns, ...tally.result() });
        yield note({ endOf: name, ...tally.result() });
      }
      yield note({ sequences });
      yield note({ end: whole.result().sha256 });
    };
    await finished(Readable.from(write()), createGzip(), out);
    return { createdAt, migrations, forkMigrations: ofFork, tables: contents, sequences };
  });

const batchCharacters = 256 * 1024;

/**
 * Reads a backup from its first line to its last, checking every count and checksum on the way. The rows, as arrays
 * in JSON, go to `onRows` in batches; the caller undoes its work when this throws.
 *
 * @throws CliError for a file that is missing, damaged, cut off or something else
 */
export const readBackup = async (
  path: string,
  onRows: (table: string, lines: readonly string[]) => Promise<void> = async () => {},
): Promise<BackupSummary> => {
  const lines = splitLines(path);
  const whole = createTally();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw damaged(path);
    whole.add(value);
    return value;
  };
  const parse = <T>(schema: z.ZodType<T>, text: string, refusal = damaged(path)): T => {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw refusal;
    }
  };

  const { createdAt, migrations, forkMigrations: ofFork } = parse(Header, await next(), notOurs(path));
  const tables: TableContents[] = [];
  let line = await next();
  for (; line.startsWith('{"table"'); line = await next()) {
    const { table: name, columns } = parse(Start, line);
    const tally = createTally();
    let batch: string[] = [];
    let size = 0;
    for (line = await next(); line.startsWith('['); line = await next()) {
      tally.add(line);
      batch.push(line);
      size += line.length;
      if (size <= batchCharacters) continue;
      await onRows(name, batch);
      [batch, size] = [[], 0];
    }
    if (batch.length > 0) await onRows(name, batch);
    const counted = tally.result();
    const { rows, sha256 } = parse(EndOf, line);
    if (rows !== counted.rows || sha256 !== counted.sha256) throw damaged(path);
    tables.push({ name, columns, ...counted });
  }
  const { sequences } = parse(Sequences, line);
  const { sha256 } = whole.result();
  if (parse(End, await next()).end !== sha256 || !(await lines.next()).done) throw damaged(path);
  return { createdAt, migrations, forkMigrations: ofFork, tables, sequences };
};

// Not node:readline, which ends a line at U+2028 too.
async function* splitLines(path: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  // An error comes out of the last stream, which is read here.
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

const notOurs = (path: string) => new CliError(`${path} is no backup of Itsor.`);

const damaged = (path: string) =>
  new CliError(
    `${path} is damaged or cut off: its contents do not match its checksums. Nothing was changed.`,
  );

/** A plain table, with its numbers to the right. */
export const renderTable = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, width = 0) => (/^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width));
  return all
    .map((row) => `  ${row.map((cell, column) => pad(cell, widths[column])).join('  ')}`.trimEnd())
    .join('\n');
};

export const renderContents = ({ tables }: BackupSummary): string =>
  renderTable(
    ['table', 'rows', 'sha256'],
    tables.map(({ name, rows, sha256 }) => [name, String(rows), sha256.slice(0, 16)]),
  );

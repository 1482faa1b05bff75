import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Client } from 'pg';
import { CliError } from '../stack/cli-error.ts';
import { type BackupSummary, backupFormat, type TableContents } from './backup-file.ts';
import { appliedMigrations } from './migrations.ts';
import { createTally, inSnapshot, readLines } from './rows.ts';
import { qualified, readSequences, readTables } from './tables.ts';

/**
 * Writes one consistent state of the database, as gzipped lines of JSON (docs/runbooks/restore.md).
 *
 * @throws CliError for a database without tables
 */
export const backUp = async (client: Client, place: string, out: Writable): Promise<BackupSummary> =>
  inSnapshot(client, async () => {
    let summary: BackupSummary | undefined;
    const lines = backupLines(client, place, (whole) => {
      summary = whole;
    });
    await pipeline(Readable.from(lines), createGzip(), out);
    return summary as BackupSummary;
  });

async function* backupLines(client: Client, place: string, end: (summary: BackupSummary) => void) {
  const whole = createTally();
  const text = (lines: readonly string[]) => {
    for (const line of lines) whole.add(line);
    return lines.map((line) => `${line}\n`).join('');
  };
  const note = (fields: object) => text([JSON.stringify(fields)]);

  const tables = await readTables(client);
  if (tables.length === 0) throw new CliError(`There is nothing to back up in ${place}: it has no tables.`);
  // No migration may take away meanwhile what is about to be read.
  await client.query(
    `lock table ${tables.map(({ name }) => qualified(name)).join(', ')} in access share mode`,
  );
  const migrations = await appliedMigrations(client);
  const createdAt = new Date().toISOString();
  yield note({ format: backupFormat, createdAt, migrations });

  const contents: TableContents[] = [];
  for (const table of tables) {
    const { name, columns } = table;
    const tally = createTally();
    yield note({ table: name, columns });
    for await (const lines of readLines(client, table)) {
      for (const line of lines) tally.add(line);
      yield text(lines);
    }
    contents.push({ name, columns, ...tally.result() });
    yield note({ endOf: name, ...tally.result() });
  }
  const sequences = await readSequences(client);
  yield note({ sequences });
  yield note({ end: whole.result().sha256 });
  end({ createdAt, migrations, tables: contents, sequences });
}

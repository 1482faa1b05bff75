import type { Client } from 'pg';
import { type Contents, inSnapshot, readContents } from './rows.ts';
import { readTables } from './tables.ts';

/** Without a checksum where it cannot be the same. */
export type DrillContents = ReadonlyMap<string, { readonly rows: number; readonly sha256: string | null }>;

export type Comparison = {
  readonly table: string;
  readonly before: string;
  readonly after: string;
  readonly checksum: 'same' | 'differs' | 'not compared';
};

export const readAllContents = (client: Client): Promise<DrillContents> =>
  inSnapshot(client, async () => {
    const contents = new Map<string, Contents>();
    for (const table of await readTables(client)) contents.set(table.name, await readContents(client, table));
    return contents;
  });

export const compareContents = (before: DrillContents, after: DrillContents): Comparison[] =>
  [...new Set([...before.keys(), ...after.keys()])].map((table) => {
    const [was, is] = [before.get(table), after.get(table)];
    return {
      table,
      before: String(was?.rows ?? 'none'),
      after: String(is?.rows ?? 'none'),
      checksum: was?.sha256 === null ? 'not compared' : was?.sha256 === is?.sha256 ? 'same' : 'differs',
    };
  });

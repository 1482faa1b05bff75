import { createHash } from 'node:crypto';
import { findDestructive } from './destructive.ts';

export type MigrationFiles = {
  /** By name without `.sql`. */
  readonly sql: ReadonlyMap<string, string>;
  readonly journal: readonly { readonly tag: string; readonly when: number }[];
  /** The lines of drizzle/migrations.sha256, as sha256sum writes them. */
  readonly sums: ReadonlyMap<string, string>;
};

/** Older than this check, and applied wherever Itsor runs: they may not be edited any more. */
const acceptedBefore: Readonly<Record<string, string>> = {
  '0003_administration': 'a collation of the same type, and permissions of a role that was new',
};

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything that is wrong with the migrations, one sentence each. */
export const inspectMigrations = async ({ sql, journal, sums }: MigrationFiles): Promise<string[]> => {
  const wrong: string[] = [];
  for (const [tag, text] of sql) {
    if (!journal.some((entry) => entry.tag === tag))
      wrong.push(`${tag} is not in the journal, so that it is never applied.`);
    const sum = sums.get(tag);
    if (sum === undefined) wrong.push(`${tag} is not sealed yet: npm run db:check -- --seal`);
    else if (sum !== sha256(text))
      wrong.push(
        `${tag} was edited after it was sealed. Databases that have it do not get the change: undo it and write a new migration. One that is not merged yet: take its line out of drizzle/migrations.sha256 and seal it again.`,
      );
    wrong.push(...(await inspectStatements(tag, text)));
  }
  for (const tag of new Set([...sums.keys(), ...journal.map((entry) => entry.tag)]))
    if (!sql.has(tag)) wrong.push(`${tag} is gone.`);
  for (const [index, { tag, when }] of journal.entries()) {
    const before = journal[index - 1];
    // drizzle-kit skips what is older than the newest that a database has.
    if (before && when <= before.when)
      wrong.push(
        `${tag} is dated before ${before.tag}, so that a database that has that one never gets it: generate it again.`,
      );
  }
  return wrong;
};

/** What the statements of one take away without saying why that is safe. */
export const inspectStatements = async (tag: string, text: string): Promise<string[]> => {
  if (acceptedBefore[tag]) return [];
  try {
    return (await findDestructive(text))
      .filter(({ reason }) => reason === null)
      .map(
        ({ line, what }) =>
          `${tag}.sql:${line}: ${what}. The version that runs while this is applied may need what it takes away; say above it why not: -- destructive: <why it is safe>`,
      );
  } catch (error) {
    return [`${tag}.sql is no SQL: ${(error as Error).message}.`];
  }
};

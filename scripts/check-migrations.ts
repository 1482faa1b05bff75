import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectMigrations, inspectStatements, type MigrationFiles, sha256 } from './migrations/inspect.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { forkMigrations, type MigrationSet, migrationSets, readJournalFile } from './stack/postgres.ts';

const usage = `npm run db:check [-- --seal]
  Refuses migrations that take something away and do not say why that is safe, and ones that were edited; those of a
  fork that touch tables which are not its own, too.
  --seal  adds the checksums of new ones that pass to migrations.sha256 beside them; it changes none that is there`;

runProgram(async () => {
  const { seal } = readOptions({ seal: { type: 'boolean' } }, usage);
  const wrong: string[] = [];
  let count = 0;
  for (const set of migrationSets()) {
    if (seal) await sealNew(set);
    const files = readFiles(set);
    wrong.push(...(await inspectMigrations(files)));
    count += files.sql.size;
  }
  if (wrong.length > 0) throw new CliError(wrong.join('\n'));
  console.log(`${count} migrations are additive, or say why not, and as they were sealed.`);
});

const sumsFileOf = ({ directory }: MigrationSet) => join(directory, 'migrations.sha256');

const readFiles = (set: MigrationSet): MigrationFiles => {
  const { entries } = readJournalFile(set);
  const isOfFork = set === forkMigrations;
  return { sql: readSql(set), journal: entries, sums: readSums(sumsFileOf(set)), isOfFork };
};

const readSql = ({ directory }: MigrationSet) =>
  new Map(
    readdirSync(directory)
      .filter((file) => file.endsWith('.sql'))
      .sort()
      .map((file) => [file.slice(0, -4), readFileSync(join(directory, file), 'utf8')] as const),
  );

const readSums = (sumsFile: string) =>
  new Map(
    (existsSync(sumsFile) ? readFileSync(sumsFile, 'utf8') : '')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [sum = '', file = ''] = line.split('  ');
        return [file.slice(0, -4), sum] as const;
      }),
  );

const sealNew = async (set: MigrationSet) => {
  const { sql, sums, isOfFork } = readFiles(set);
  for (const [tag, text] of sql) {
    // One that still has to say why it is safe is about to be edited.
    if (sums.has(tag) || (await inspectStatements(tag, text, isOfFork)).length > 0) continue;
    appendFileSync(sumsFileOf(set), `${sha256(text)}  ${tag}.sql\n`);
  }
};

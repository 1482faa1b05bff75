import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import journal from '../drizzle/meta/_journal.json' with { type: 'json' };
import { inspectMigrations, inspectStatements, sha256 } from './migrations/inspect.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { migrationsDirectory } from './stack/postgres.ts';

const usage = `npm run db:check [-- --seal]
  Refuses migrations that take something away and do not say why that is safe, and ones that were edited.
  --seal  adds the checksums of new ones that pass to drizzle/migrations.sha256; it changes none that is there`;

const sumsFile = join(migrationsDirectory, 'migrations.sha256');

runProgram(async () => {
  const { seal } = readOptions({ seal: { type: 'boolean' } }, usage);
  const sql = readSql();
  if (seal) await sealNew(sql);
  const wrong = await inspectMigrations({ sql, journal: journal.entries, sums: readSums() });
  if (wrong.length > 0) throw new CliError(wrong.join('\n'));
  console.log(`${sql.size} migrations are additive, or say why not, and as they were sealed.`);
});

const readSql = () =>
  new Map(
    readdirSync(migrationsDirectory)
      .filter((file) => file.endsWith('.sql'))
      .sort()
      .map((file) => [file.slice(0, -4), readFileSync(join(migrationsDirectory, file), 'utf8')] as const),
  );

const readSums = () =>
  new Map(
    readFileSync(sumsFile, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [sum = '', file = ''] = line.split('  ');
        return [file.slice(0, -4), sum] as const;
      }),
  );

const sealNew = async (sql: ReadonlyMap<string, string>) => {
  const sums = readSums();
  for (const [tag, text] of sql) {
    // One that still has to say why it is safe is about to be edited.
    if (sums.has(tag) || (await inspectStatements(tag, text)).length > 0) continue;
    appendFileSync(sumsFile, `${sha256(text)}  ${tag}.sql\n`);
  }
};

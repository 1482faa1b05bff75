import { CliError, runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { variablesOf } from './program/project.ts';
import { confirm } from './program/terminal.ts';
import { renderContents } from './recovery/backup-file.ts';
import { restore } from './recovery/restore.ts';
import { withOperatorDatabase } from './stack/operator-database.ts';

const usage = `npm run db:restore -- --from file [--replace [--yes]] [--env production] [--url postgres://…]
  --from     a file that npm run db:backup wrote
  --replace  deletes the rows that are there; without it the database must be empty. It asks, unless --yes is given
  --env      the database of that environment: its variables of wrangler.toml, and this process's over them
Without --url: MIGRATIONS_DATABASE_URL, LOCAL_POSTGRES_URL, or else the embedded database. All or nothing.`;

const options = {
  from: { type: 'string' },
  replace: { type: 'boolean' },
  yes: { type: 'boolean' },
  env: { type: 'string' },
  url: { type: 'string' },
} as const;

runProgram(async () => {
  const { from, replace = false, yes = false, env, url } = readOptions(options, usage);
  if (!from) throw new CliError(`Which file is to be restored? Give --from, after a --.\n\n${usage}`);
  const variables = await variablesOf(env);
  const request = { url: requirePostgresUrl(url), variables, access: 'write' } as const;
  await withOperatorDatabase(request, async (client, database) => {
    if (replace && !yes)
      await confirm(`Every row in ${database.place} will be deleted, and those of ${from} take their place.`);
    const backup = await restore(client, database, from, { replace, tell: console.error });
    console.log(
      `${database.place} is as it was on ${backup.createdAt}; every row was read back:\n\n${renderContents(backup)}`,
    );
  });
});

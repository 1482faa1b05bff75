import { v7 as uuidv7 } from 'uuid';
import { createSessionCutoffSql } from '../src/sessions/sql/session-cutoff.ts';
import { contextNow, withAppDatabase } from './admin/database.ts';
import { runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { readVariables } from './program/project.ts';
import { confirm } from './program/terminal.ts';

const usage = `npm run sessions:end-all [-- --yes] [--url postgres://…]
  Logs everybody out, at once: every session that began before now is refused on its next request. GET /auth/me may
  still answer for one that it was asked about lately, for up to SESSION_CACHE_SECONDS.
Without --url: DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

const options = { yes: { type: 'boolean', default: false }, url: { type: 'string' } } as const;

runProgram(async () => {
  const { yes, url } = readOptions(options, usage);
  await withAppDatabase(requirePostgresUrl(url), readVariables(), async (db, place) => {
    if (!yes) await confirm(`Everybody in ${place} will have to log in again.`);
    const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
    const notBefore = await createSessionCutoffSql({ db, newId }).endAll(contextNow());
    console.log(`Every session in ${place} that began before ${notBefore.toISOString()} is over.`);
  });
});

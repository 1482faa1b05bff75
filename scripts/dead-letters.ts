import * as z from 'zod';
import { createDeadLetterSql, type DeadLetter } from '../src/mail/sql/dead-letters.ts';
import { contextNow, withAppDatabase } from './admin/database.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { readVariables } from './program/project.ts';

const usage = `npm run dead-letters [-- --retry ID … | --retry-all] [--json] [--url postgres://…]
  Lists the mails and uploads that were given up, the newest first. --retry makes a mail due once more.
Without --url: DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

const shown = 100;

const options = {
  retry: { type: 'string', multiple: true },
  'retry-all': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
} as const;

const readIds = (ids: readonly string[]): readonly string[] => {
  const stranger = ids.find((id) => !z.uuid().safeParse(id).success);
  if (stranger !== undefined) throw new CliError(`--retry wants the id of a mail, not ${stranger}.`);
  return ids;
};

const lineOf = ({ kind, id, what, reason, attempts, givenUpAt }: DeadLetter): string =>
  [givenUpAt.toISOString(), kind.padEnd(6), id, what.padEnd(16), `${attempts} attempts`, reason ?? '–'].join(
    '  ',
  );

runProgram(async () => {
  const { retry, 'retry-all': all, json, url } = readOptions(options, usage);
  const ids = retry && readIds(retry);
  if (ids && all) throw new CliError('--retry or --retry-all, not both.');
  await withAppDatabase(requirePostgresUrl(url), readVariables(), async (db, place) => {
    const letters = createDeadLetterSql({ db });
    if (ids || all) {
      const ctx = contextNow();
      const count = await letters.retryMails(ctx, ctx.now, ids ?? null);
      const unknown = ids ? new Set(ids).size - count : 0;
      console.log(`${count} ${count === 1 ? 'mail is' : 'mails are'} due once more in ${place}.`);
      if (unknown > 0)
        throw new CliError(
          `${unknown} of the ids ${unknown === 1 ? 'is' : 'are'} of no mail that was given up.`,
        );
      return;
    }
    const found = await letters.list(contextNow(), shown);
    if (json) console.log(JSON.stringify(found));
    else if (found.length === 0) console.log(`Nothing was given up in ${place}.`);
    else for (const letter of found) console.log(lineOf(letter));
  });
});

import { describe, expect, it } from 'vitest';
import { isRead } from '../../src/platform/db/second-try.ts';
import { statementTable } from '../support/node/statement-table.ts';
import { createRecorder } from '../support/node/statements.ts';

/** The texts of every statement of the app, by its function. */
const texts = await Promise.all(
  statementTable.flatMap(({ folder, cases }) =>
    cases.map(async ({ called, call }): Promise<[string, string[]]> => {
      const { db, roundTrips } = createRecorder();
      await (async () => call(db))().catch(() => {});
      return [`${folder} ${called}`, roundTrips.flatMap((trip) => trip.map(({ text }) => text))];
    }),
  ),
);

describe('a statement that only reads', () => {
  it.each([
    'select 1',
    ' select account.updated_at, account.deleted_at from users account',
    'with gate as (select 1) select * from gate',
  ])('is known by its text: %s', (text) => expect(isRead(text)).toBe(true));

  it.each([
    'insert into a values (1)',
    'with new_row as (insert into a values (1) returning id) select id from new_row',
    'WITH gone AS (DELETE FROM a RETURNING id) SELECT id FROM gone',
    'select id from a for update',
    'select id from a for no key update of a skip locked',
    'select 1 into b',
    "select nextval('numbers')",
    'select pg_advisory_xact_lock(1)',
    'update a set b = 1',
    'merge into a using b on true when matched then delete',
    'truncate a',
    'vacuum',
    'explain analyze delete from a',
  ])('is no statement that writes or locks: %s', (text) => expect(isRead(text)).toBe(false));

  it('is each read of the app, and no other statement', () => {
    const reads = new Set(
      texts.flatMap(([name, sent]) => (sent.length > 0 && sent.every(isRead) ? [name] : [])),
    );
    const hint =
      'reads listed in this file; vitest run --project unit test/unit/second-try.test.ts -u lists a new one';
    expect([...reads].sort(), hint).toMatchInlineSnapshot(`
      [
        "accounts export",
        "accounts find",
        "accounts findTakenNames",
        "administration authorize",
        "administration list",
        "administration read",
        "administration/operators isUsernameTaken",
        "agenda read",
        "audit list",
        "health read",
        "health readLastMigration",
        "mail due",
        "mail recent",
        "mail/dead-letters list",
        "metrics read",
        "passwords findChanged",
        "passwords findForLogin",
        "passwords findForReset",
        "passwords findOwn",
        "passwords isFamiliarNetwork",
        "roles authorize",
        "roles list",
        "roles read",
        "sessions listOwn",
        "sso isLive",
        "sso listOwn",
        "uploads findForPut",
        "uploads findOwn",
        "uploads listOf",
        "uploads listOwn",
        "uploads usage",
        "uploads/jobs due",
        "uploads/jobs nextDue",
        "uploads/jobs wantedInQuarantine",
      ]
    `);
  });
});

import { describe, expect, test } from 'vitest';
import { findDestructive, inspectMigrations, sha256 } from '../../scripts/migrations/inspect.ts';

describe('what only adds', () => {
  test.each([
    'CREATE TABLE a (id uuid PRIMARY KEY, b text NOT NULL)',
    'CREATE TABLE a (id int); ALTER TABLE a ADD CONSTRAINT c CHECK (id > 0); CREATE UNIQUE INDEX i ON a (id)',
    'ALTER TABLE users ADD COLUMN a text',
    'ALTER TABLE users ADD COLUMN a integer DEFAULT 0 NOT NULL',
    'ALTER TABLE users ADD COLUMN a bigint GENERATED ALWAYS AS IDENTITY NOT NULL',
    'ALTER TABLE users ALTER COLUMN a DROP NOT NULL',
    "ALTER TABLE users ALTER COLUMN a SET DEFAULT 'x'",
    'ALTER TABLE users VALIDATE CONSTRAINT a',
    'CREATE INDEX CONCURRENTLY a ON users (email)',
    "CREATE TYPE mood AS ENUM ('good'); ALTER TYPE mood ADD VALUE 'better'",
    "INSERT INTO roles VALUES ('a') ON CONFLICT DO NOTHING",
    "UPDATE users SET a = 'x' WHERE a IS NULL",
    "COMMENT ON TABLE users IS 'DROP TABLE users; -- DELETE FROM users'",
    "INSERT INTO roles VALUES ($$ TRUNCATE users $$), (E'it\\'s; DROP TABLE a')",
    '-- DROP TABLE users;\n/* DELETE FROM users; */ CREATE TABLE a ()',
    'GRANT SELECT ON users TO itsor_app',
    '',
  ])('passes: %s', async (sql) => {
    expect(await findDestructive(sql)).toEqual([]);
  });
});

describe('what takes away', () => {
  test.each([
    ['DROP TABLE users', 'DROP TABLE'],
    ['DROP INDEX users_email', 'DROP INDEX'],
    ['drop type mood', 'DROP TYPE'],
    ['ALTER TABLE users DROP COLUMN a', 'DROP COLUMN'],
    ['ALTER TABLE users ADD COLUMN a text, DROP COLUMN b', 'DROP COLUMN'],
    ['ALTER TABLE users ALTER a TYPE integer', 'ALTER COLUMN TYPE'],
    ['ALTER TABLE users ALTER a SET NOT NULL', 'SET NOT NULL'],
    ['ALTER TABLE users ALTER a DROP DEFAULT', 'DROP DEFAULT'],
    ['ALTER TABLE users ADD COLUMN a text NOT NULL', 'ADD COLUMN that is NOT NULL'],
    ['ALTER TABLE users DROP CONSTRAINT a', 'DROP CONSTRAINT'],
    ['ALTER TABLE users ADD CONSTRAINT a CHECK (b > 0)', 'ADD CONSTRAINT'],
    ['ALTER TABLE users RENAME COLUMN a TO b', 'RENAME COLUMN'],
    ['ALTER TABLE users RENAME TO people', 'RENAME TABLE'],
    ["ALTER TYPE mood RENAME VALUE 'a' TO 'b'", 'RENAME VALUE'],
    ['ALTER TABLE users ENABLE ROW LEVEL SECURITY', 'ENABLE ROW SECURITY'],
    ['CREATE UNIQUE INDEX a ON users (b)', 'CREATE UNIQUE INDEX'],
    ['DELETE FROM users WHERE a', 'DELETE'],
    ['TRUNCATE users', 'TRUNCATE'],
    ['UPDATE users SET a = 1', 'UPDATE of every row'],
    ["INSERT INTO roles VALUES ('a') ON CONFLICT (name) DO UPDATE SET a = 1", 'ON CONFLICT DO UPDATE'],
    [
      'CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
      'CREATE OR REPLACE FUNCTION',
    ],
    ['DO $$ BEGIN DROP TABLE users; END $$', 'DO'],
    ['REVOKE SELECT ON users FROM itsor_app', 'REVOKE'],
    ['SELECT drop_everything()', 'SELECT'],
    ['WITH gone AS (DELETE FROM users RETURNING id) INSERT INTO a SELECT id FROM gone', 'WITH'],
    ['WITH gone AS (DELETE FROM users RETURNING *) SELECT 1', 'SELECT'],
  ])('finds: %s', async (sql, what) => {
    expect(await findDestructive(sql)).toEqual([
      { line: 1, what: expect.stringContaining(what), reason: null },
    ]);
  });

  test('passes with a reason right before it, and only there', async () => {
    const sql = `-- destructive: nothing has read it since 1.2
ALTER TABLE users DROP COLUMN a;--> statement-breakpoint
ALTER TABLE users DROP COLUMN b;
-- Zoë: destructive: no
/* destructive: no, not like this */
-- destructive: short
DROP TABLE c;
INSERT INTO d VALUES ('
-- destructive: this is text and no comment
'); TRUNCATE e;--> statement-breakpoint
-- destructive: it was never filled by anybody
DROP TABLE f`;
    expect(await findDestructive(sql)).toEqual([
      { line: 2, what: 'DROP COLUMN', reason: 'nothing has read it since 1.2' },
      { line: 3, what: 'DROP COLUMN', reason: null },
      { line: 7, what: 'DROP TABLE', reason: null },
      { line: 10, what: 'TRUNCATE', reason: null },
      { line: 12, what: 'DROP TABLE', reason: 'it was never filled by anybody' },
    ]);
  });
});

describe('the migrations', () => {
  const first = 'CREATE TABLE a (id int)';
  const good = {
    sql: new Map([['0000_a', first]]),
    journal: [{ tag: '0000_a', when: 1 }],
    sums: new Map([['0000_a', sha256(first)]]),
  };

  test('pass as they are', async () => {
    expect(await inspectMigrations(good)).toEqual([]);
  });

  test.each([
    ['one was edited', { sql: new Map([['0000_a', `${first} `]]) }, /^0000_a was edited/],
    ['one is new', { sums: new Map() }, /^0000_a is not sealed yet: npm run db:check -- --seal/],
    ['one is not in the journal', { journal: [] }, /^0000_a is not in the journal/],
    ['one is gone', { sums: new Map([...good.sums, ['0001_b', 'x']]) }, /^0001_b is gone/],
    [
      'one is no SQL',
      { sql: new Map([['0000_a', 'CREATE TABEL a']]), sums: new Map([['0000_a', sha256('CREATE TABEL a')]]) },
      /^0000_a.sql is no SQL: syntax error/,
    ],
    [
      'one takes away',
      { sql: new Map([['0000_a', 'DROP TABLE a']]), sums: new Map([['0000_a', sha256('DROP TABLE a')]]) },
      /^0000_a.sql:1: DROP TABLE\. .*-- destructive:/,
    ],
  ])('are refused where %s', async (_, change, sentence) => {
    expect(await inspectMigrations({ ...good, ...change })).toEqual([expect.stringMatching(sentence)]);
  });

  test.each([
    'ALTER TABLE users ADD COLUMN a text',
    'CREATE TABLE a (id int)',
    'CREATE INDEX i ON users (email)',
  ])('of a fork are refused where they touch a table that is not its own: %s', async (sql) => {
    const ofFork = { ...good, sql: new Map([['0000_a', sql]]), sums: new Map([['0000_a', sha256(sql)]]) };
    expect(await inspectMigrations(ofFork)).toEqual([]);
    expect(await inspectMigrations({ ...ofFork, isOfFork: true })).toEqual([
      expect.stringMatching(/is no table of the fork, whose names begin with fork_/),
    ]);
  });

  test('of a fork may refer to a table of Itsor', async () => {
    const sql = `CREATE TABLE fork_a (id uuid);
ALTER TABLE fork_a ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES users (id);`;
    const sums = new Map([['0000_a', sha256(sql)]]);
    expect(
      await inspectMigrations({ ...good, sql: new Map([['0000_a', sql]]), sums, isOfFork: true }),
    ).toEqual([]);
  });

  test('are refused where one is dated before another', async () => {
    const sql = new Map([...good.sql, ['0001_b', first]]);
    const sums = new Map([...good.sums, ['0001_b', sha256(first)]]);
    const journal = [...good.journal, { tag: '0001_b', when: 1 }];
    expect(await inspectMigrations({ sql, sums, journal })).toEqual([
      expect.stringMatching(/^0001_b is dated before 0000_a/),
    ]);
  });
});

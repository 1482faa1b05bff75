import { createHash } from 'node:crypto';
import { type Node, parse } from 'libpg-query';

export type MigrationFiles = {
  /** By name without `.sql`. */
  readonly sql: ReadonlyMap<string, string>;
  readonly journal: readonly { readonly tag: string; readonly when: number }[];
  /** The lines of migrations.sha256 beside them, as sha256sum writes them. */
  readonly sums: ReadonlyMap<string, string>;
  /** A fork's own migrations touch its own tables only (docs/upgrading.md). */
  readonly isOfFork?: boolean;
};

/** Older than this check and applied wherever Itsor runs, so that a marker cannot be added any more. */
const acceptedBefore: Readonly<Record<string, string>> = {
  '0003_administration': 'a collation of the same type, and permissions of a role that was new',
};

/** How the names of a fork's tables begin, and of no table of ours. */
export const forkPrefix = 'fork_';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Everything that is wrong with the migrations, one sentence each. */
export const inspectMigrations = async ({
  sql,
  journal,
  sums,
  isOfFork = false,
}: MigrationFiles): Promise<string[]> => {
  const wrong: string[] = [];
  for (const [tag, text] of sql) {
    if (!journal.some((entry) => entry.tag === tag))
      wrong.push(`${tag} is not in the journal, so that it is never applied.`);
    const sum = sums.get(tag);
    if (sum === undefined) wrong.push(`${tag} is not sealed yet: npm run db:check -- --seal`);
    else if (sum !== sha256(text))
      wrong.push(
        `${tag} was edited after it was sealed. Databases that have it do not get the change: undo it and write a new migration. One that is not merged yet: take its line out of migrations.sha256 and seal it again.`,
      );
    wrong.push(...(await inspectStatements(tag, text, isOfFork)));
  }
  for (const tag of new Set([...sums.keys(), ...journal.map((entry) => entry.tag)]))
    if (!sql.has(tag)) wrong.push(`${tag} is gone.`);
  for (const [index, { tag, when }] of journal.entries()) {
    const before = journal[index - 1];
    // drizzle-kit skips a migration that is older than the newest of a database.
    if (before && when <= before.when)
      wrong.push(
        `${tag} is dated before ${before.tag}, so that a database that has that one never gets it: generate it again.`,
      );
  }
  return wrong;
};

/** Every statement that takes something away without a reason why that is safe; for a fork, also those on other tables. */
export const inspectStatements = async (tag: string, text: string, isOfFork = false): Promise<string[]> => {
  if (acceptedBefore[tag] && !isOfFork) return [];
  try {
    const destructive = (await findDestructive(text))
      .filter(({ reason }) => reason === null)
      .map(
        ({ line, what }) =>
          `${tag}.sql:${line}: ${what}. The version that runs while this is applied may need what it takes away; say above the statement why it does not: -- destructive: <why it is safe>`,
      );
    const others = isOfFork ? (await tablesIn(text)).filter((name) => !name.startsWith(forkPrefix)) : [];
    return [
      ...destructive,
      ...others.map(
        (name) =>
          `${tag}.sql: ${name} is no table of the fork, whose names begin with ${forkPrefix}; a later migration of Itsor may collide with it.`,
      ),
    ];
  } catch (error) {
    return [`${tag}.sql is no SQL: ${(error as Error).message}.`];
  }
};

/** The tables that statements make, change or fill; the target of a foreign key is none of them. */
const tablesIn = async (text: string): Promise<string[]> => {
  const { stmts = [] } = await parse(text);
  const names = stmts.flatMap(({ stmt }) => {
    const [fields] = Object.values(stmt ?? {}) as { relation?: { relname?: string } }[];
    return fields?.relation?.relname ?? [];
  });
  return [...new Set(names)];
};

type Destructive = {
  /** The line of the statement, from 1. */
  readonly line: number;
  readonly what: string;
  /** Of its marker; null without one. */
  readonly reason: string | null;
};

/** `-- destructive: why it is safe`, among the comments between a statement and the one before it. */
const marker = /^--\s*destructive:\s*(\S.{9,})$/m;

/**
 * The statements that might break the version which runs during a migration, or after a roll-back: all that are not
 * known to be additive. PostgreSQL's own parser reads them.
 *
 * @throws SqlError for text that is not SQL
 */
export const findDestructive = async (sql: string): Promise<Destructive[]> => {
  if (sql.replaceAll(/--.*/g, '').trim() === '') return [];
  // PostgreSQL counts in bytes.
  const bytes = Buffer.from(sql);
  const { stmts = [] } = await parse(sql);
  const created = new Set(
    stmts.flatMap(({ stmt }) => (stmt && 'CreateStmt' in stmt ? [stmt.CreateStmt.relation?.relname] : [])),
  );
  let end = 0;
  return stmts.flatMap(({ stmt, stmt_location: start = 0, stmt_len: length = 0 }) => {
    const between = bytes.toString('utf8', end, start);
    end = start + length;
    const what = stmt ? danger(stmt, created) : null;
    if (what === null) return [];
    const line = bytes.toString('utf8', 0, start).split('\n').length;
    return [{ line, what, reason: marker.exec(between)?.[1]?.trim() ?? null }];
  });
};

type Known = ReadonlySet<string | undefined>;

/** Null for a statement that only adds. No version uses a table yet that the same migration makes. */
const danger = (stmt: Node, created: Known): string | null => {
  if ('CreateStmt' in stmt || 'CreateEnumStmt' in stmt || 'CreateSeqStmt' in stmt) return null;
  if ('CreateSchemaStmt' in stmt || 'CreateExtensionStmt' in stmt || 'CommentStmt' in stmt) return null;
  if ('GrantStmt' in stmt) return stmt.GrantStmt.is_grant ? null : 'REVOKE';
  if ('AlterEnumStmt' in stmt) return stmt.AlterEnumStmt.oldVal ? 'RENAME VALUE' : null;
  if ('CreateFunctionStmt' in stmt)
    return stmt.CreateFunctionStmt.replace ? 'CREATE OR REPLACE FUNCTION' : null;
  if ('ViewStmt' in stmt) return stmt.ViewStmt.replace ? 'CREATE OR REPLACE VIEW' : null;
  if ('IndexStmt' in stmt) {
    const { unique, relation } = stmt.IndexStmt;
    return unique && !created.has(relation?.relname) ? 'CREATE UNIQUE INDEX on a table that is in use' : null;
  }
  if ('InsertStmt' in stmt) {
    const { withClause, onConflictClause } = stmt.InsertStmt;
    if (withClause) return 'WITH, which may delete';
    const { action } = onConflictClause ?? {};
    return action === 'ONCONFLICT_UPDATE' ? 'INSERT … ON CONFLICT DO UPDATE' : null;
  }
  if ('UpdateStmt' in stmt) {
    if (stmt.UpdateStmt.withClause) return 'WITH, which may delete';
    return stmt.UpdateStmt.whereClause ? null : 'UPDATE of every row';
  }
  if ('AlterTableStmt' in stmt) {
    if (created.has(stmt.AlterTableStmt.relation?.relname)) return null;
    const dangers = (stmt.AlterTableStmt.cmds ?? []).map(alterDanger).filter((each) => each !== null);
    return dangers.length > 0 ? dangers.join(', ') : null;
  }
  return describe(stmt);
};

const alterDanger = (node: Node): string | null => {
  if (!('AlterTableCmd' in node)) return 'ALTER TABLE';
  const { subtype, def } = node.AlterTableCmd;
  switch (subtype) {
    case 'AT_AddColumn':
      return def && 'ColumnDef' in def ? addedColumnDanger(def.ColumnDef.constraints ?? []) : 'ADD COLUMN';
    case 'AT_ColumnDefault':
      return def ? null : 'DROP DEFAULT';
    case 'AT_DropNotNull':
    case 'AT_ValidateConstraint':
      return null;
    case 'AT_AddConstraint':
      return 'ADD CONSTRAINT on a table that is in use';
    default:
      return (subtype ?? 'ALTER TABLE')
        .replace(/^AT_/, '')
        .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
        .toUpperCase();
  }
};

/** The inserts of the running version do not name the column. */
const addedColumnDanger = (constraints: readonly Node[]): string | null => {
  const types = constraints.map((each) => ('Constraint' in each ? each.Constraint.contype : undefined));
  const isFilled = types.some((type) =>
    ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'].includes(type ?? ''),
  );
  return types.includes('CONSTR_NOTNULL') && !isFilled
    ? 'ADD COLUMN that is NOT NULL and has no default'
    : null;
};

/** DropStmt of an OBJECT_TABLE: DROP TABLE. */
const describe = (stmt: Node): string => {
  const [kind = '', fields = {}] = Object.entries(stmt)[0] ?? [];
  const { removeType, renameType } = fields as { removeType?: string; renameType?: string };
  const object = (removeType ?? renameType ?? '').replace('OBJECT_', '');
  const verb = kind
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
  if (kind === 'DoStmt') return 'DO, whose body is not checked';
  return `${verb} ${object}`.trim();
};

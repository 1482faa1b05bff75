import { type Node, parse } from 'libpg-query';

export type Destructive = {
  /** The line of the statement, from 1. */
  readonly line: number;
  readonly what: string;
  /** Of its marker; null without one. */
  readonly reason: string | null;
};

/** `-- destructive: why it is safe`, among the comments between a statement and the one before it. */
const marker = /^--\s*destructive:\s*(\S.{9,})$/m;

/**
 * The statements of a migration that the version which runs meanwhile, or a roll-back to it, might not survive: all that
 * are not known to be additive. PostgreSQL's own parser reads them.
 *
 * @throws SqlError for what is not SQL
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

/** Null for what only adds. What a migration does to a table of its own harms nobody. */
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

/** What the running version inserts does not name the column. */
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
  if (kind === 'DoStmt') return 'DO, which nobody can look into';
  return `${verb} ${object}`.trim();
};

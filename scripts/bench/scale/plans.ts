import { sql } from 'drizzle-orm';
import type { Database } from '../../../src/platform/db/client.ts';
import { pageRows } from './questions.ts';

/** The members of EXPLAIN (ANALYZE, FORMAT JSON) that this benchmark reads. */
type PlanNode = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
};

/** Explains each statement, undoes what that has written, and then runs the statement for its answer. */
export const createExplainingDatabase = (db: Database) => {
  const explained: PlanNode[] = [];
  const transaction: Database['transaction'] = async (scope, statements) => {
    const steps = statements.flatMap((statement) => [
      sql`savepoint explained`,
      sql`explain (analyze, format json) ${statement}`,
      sql`rollback to savepoint explained`,
      statement,
    ]);
    const answers = await db.transaction(scope, steps);
    return statements.map((_, index) => {
      const [, [row] = [], , rows = []] = answers.slice(4 * index);
      const [{ Plan }] = (row as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'];
      explained.push(Plan);
      return rows;
    });
  };
  const explaining: Database = {
    execute: async (scope, statement) => (await transaction(scope, [statement]))[0] as never,
    transaction,
  };
  return { db: explaining, take: () => explained.splice(0) };
};

const large = ['users', 'audit_events', 'sessions'];
const sorts = ['Sort', 'Incremental Sort'];

export type PlanBounds = {
  /** Rows that a sort may hold. */
  readonly sortedRows: number;
  /** Rows of a large table that may be read: those that are looked up, and those that a filter drops on the way. */
  readonly readRows: number;
};

/** Of a page that administrators ask for: a sort holds one from each of a few indexes. */
const ofPage: PlanBounds = { sortedRows: 4 * pageRows, readRows: 20 * pageRows };

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** EXPLAIN counts the rows of one loop. */
const readRows = (node: PlanNode): number =>
  (node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0)) *
  node['Actual Loops'];

/** The faults by which a plan takes longer the larger the tables are; empty for a good one. */
export const planFaults = (plan: PlanNode, bounds: PlanBounds = ofPage): string[] =>
  nodesOf(plan).flatMap((node) => {
    const type = node['Node Type'];
    const relation = node['Relation Name'] ?? '';
    if (large.includes(relation) && type === 'Seq Scan') return [`reads all of ${relation}`];
    if (large.includes(relation) && readRows(node) > bounds.readRows)
      return [`reads ${readRows(node)} rows of ${relation} (${type})`];
    const [input] = node.Plans ?? [];
    const sorted = sorts.includes(type) ? (input?.['Actual Rows'] ?? 0) : 0;
    return sorted > bounds.sortedRows ? [`sorts ${sorted} rows`] : [];
  });

import { sql } from 'drizzle-orm';
import type { Database } from '../../../src/platform/db/client.ts';
import { pageRows } from './questions.ts';

/** The members of EXPLAIN (ANALYZE, FORMAT JSON) that are looked at. */
type PlanNode = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
};

/** Explains each statement. A single one is answered too, because its caller refuses an answer without a row. */
export const createExplainingDatabase = (db: Database) => {
  const explained: PlanNode[] = [];
  const explaining: Database = {
    execute: async (scope, statement) => {
      const [row] = await db.execute(scope, sql`explain (analyze, format json) ${statement}`);
      const [{ Plan }] = (row as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'];
      explained.push(Plan);
      return db.execute(scope, statement);
    },
    transaction: async (scope, statements) => {
      const explains = statements.map((statement) => sql`explain (analyze, format json) ${statement}`);
      const answers = await db.transaction(scope, explains);
      for (const [row] of answers) {
        const [{ Plan }] = (row as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'];
        explained.push(Plan);
      }
      return statements.map(() => []);
    },
  };
  return { db: explaining, take: () => explained.splice(0) };
};

const large = ['users', 'audit_events', 'sessions'];
const sorts = ['Sort', 'Incremental Sort'];

export type PlanBounds = {
  /** What a sort may hold. */
  readonly sortedRows: number;
  /** What may be read of a large table: rows that are looked up, and those that a filter drops on the way. */
  readonly readRows: number;
};

/** Of a page that administrators ask for: a sort holds one from each of a few indexes. */
const ofPage: PlanBounds = { sortedRows: 4 * pageRows, readRows: 20 * pageRows };

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const rowsOf = (node: PlanNode): number => node['Actual Rows'] * node['Actual Loops'];

/** All of these are told per loop. */
const readRows = (node: PlanNode): number =>
  rowsOf(node) +
  ((node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)) *
    node['Actual Loops'];

/** What keeps a plan from taking the same time however large the tables are; empty for a good one. */
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

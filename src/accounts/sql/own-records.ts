import { type SQL, sql } from 'drizzle-orm';
import { type AuditRow, auditEventColumns, toAuditEvent } from '../../audit/sql/audit-rows.ts';
import type { SessionContext } from '../../platform/context.ts';
import type { Database } from '../../platform/db/client.ts';
import type { Slice } from '../../platform/rules/page.ts';
import type { SessionRefusal } from '../../sessions/rules/session.ts';
import { type Gate, type Gated, refusalOf } from '../../sessions/sql/gate.ts';
import { toUpload, type UploadRow, uploadColumns } from '../../uploads/sql/upload-rows.ts';
import type { AccountRecord } from '../rules/account.ts';
import type { OwnRecord } from '../rules/account-export.ts';
import { type AccountRow, accountColumns, toAccount } from './account-rows.ts';

export type OwnRecords =
  | { readonly refusal: Exclude<SessionRefusal, null> }
  | { readonly refusal: null; readonly account: AccountRecord; readonly records: readonly OwnRecord[] };

type Options = { readonly gate: Gate };

export type OwnRecordRepository = ReturnType<typeof createOwnRecordRepository>;

/**
 * Whether an address is the present one of the account `owner`. What was sent to another says something of its owner:
 * which mail a change of address caused tells whether that address has an account.
 */
const isOwnMailbox = (address: SQL, owner: SQL): SQL =>
  sql`${address} = (select me.email from users me where me.id = ${owner})`;

/** The columns of each list, and the rows of it that are about `owner`; each has a primary key `id`. */
const lists = (owner: SQL): Readonly<Record<OwnRecord['list'], SQL>> => ({
  identities: sql`
    select i.id, i.issuer, i.subject, i.created_at, i.last_used_at from identities i where i.user_id = ${owner}`,
  sessions: sql`
    select s.id, s.created_at, s.refreshed_at, s.expires_at, s.revoked_at, host(s.ip) as ip, s.user_agent
    from sessions s where s.user_id = ${owner}`,
  mails: sql`
    select o.id, o.recipient, o.template, o.created_at, o.sent_at from outbox o
    where o.user_id = ${owner} and ${isOwnMailbox(sql`o.recipient`, owner)}`,
  tokens: sql`
    select t.id, t.purpose, t.email, t.created_at, t.expires_at, t.used_at from one_time_tokens t
    where t.user_id = ${owner} and ${isOwnMailbox(sql`t.email`, owner)}`,
  uploads: sql`
    select ${uploadColumns} from uploads u where u.user_id = ${owner} and u.deleted_at is null`,
  events: sql`
    select ${auditEventColumns} from audit_events e where e.subject_id = ${owner}`,
});

/** What is kept of the actor, beside the account itself. */
export const createOwnRecordRepository = (db: Database, { gate }: Options) => ({
  /**
   * A page of all lists together, newest first by their ids, which no two rows share; `after` is the id of the last
   * one seen. Of each list no more is read than the page could hold.
   */
  list: async (ctx: SessionContext, { after, limit }: Slice): Promise<OwnRecords> => {
    const owner = sql`(select gate.user_id from gate where gate.refusal is null)`;
    const parts = Object.entries(lists(owner)).map(
      ([list, rows]) => sql`(
        select ${list}::text as list, r.id, to_json(r.*) as item from (${rows}) r
        ${after === null ? sql`` : sql`where r.id < ${after}::uuid`} order by r.id desc limit ${limit})`,
    );
    const [row] = await db.execute<AccountRow & Gated & { records: RecordJson[] }>(
      ctx,
      sql`
        with ${gate.own(ctx, { unverified: true })}, found as (
          select * from (${sql.join(parts, sql` union all `)}) part order by id desc limit ${limit}
        )
        select gate.refusal, ${accountColumns},
          (select coalesce(json_agg(json_build_object('list', f.list, 'item', f.item) order by f.id desc), '[]') from found f) as records
        from gate left join users u on u.id = gate.user_id and gate.refusal is null`,
    );
    const refusal = refusalOf(row);
    return row && refusal === null
      ? { refusal, account: toAccount(row), records: row.records.map(toRecord) }
      : { refusal: refusal ?? 'session_revoked' };
  },
});

/** A row as JSON has it, which knows no dates. */
type Json<Row> = {
  [Name in keyof Row]: Row[Name] extends Date | null ? Exclude<Row[Name], Date> | string : Row[Name];
};

type RecordJson =
  | {
      list: 'identities';
      item: Json<{ id: string; issuer: string; subject: string; created_at: Date; last_used_at: Date }>;
    }
  | {
      list: 'sessions';
      item: Json<{
        id: string;
        created_at: Date;
        refreshed_at: Date;
        expires_at: Date;
        revoked_at: Date | null;
        ip: string | null;
        user_agent: string | null;
      }>;
    }
  | {
      list: 'mails';
      item: Json<{ id: string; recipient: string; template: string; created_at: Date; sent_at: Date | null }>;
    }
  | {
      list: 'tokens';
      item: Json<{
        id: string;
        purpose: string;
        email: string;
        created_at: Date;
        expires_at: Date;
        used_at: Date | null;
      }>;
    }
  | { list: 'uploads'; item: Json<UploadRow> }
  | { list: 'events'; item: Json<AuditRow> };

const dateOrNull = (text: string | null): Date | null => (text === null ? null : new Date(text));

const toRecord = ({ list, item }: RecordJson): OwnRecord => {
  const { id } = item;
  const createdAt = new Date(item.created_at);
  switch (list) {
    case 'identities': {
      const { issuer, subject, last_used_at } = item;
      return { list, id, record: { issuer, subject, createdAt, lastUsedAt: new Date(last_used_at) } };
    }
    case 'sessions': {
      const { ip, user_agent: userAgent } = item;
      const lastUsedAt = new Date(item.refreshed_at);
      const expiresAt = new Date(item.expires_at);
      const revokedAt = dateOrNull(item.revoked_at);
      return { list, id, record: { id, createdAt, lastUsedAt, expiresAt, revokedAt, ip, userAgent } };
    }
    case 'mails': {
      const { recipient, template } = item;
      return { list, id, record: { recipient, template, createdAt, sentAt: dateOrNull(item.sent_at) } };
    }
    case 'tokens': {
      const { purpose, email } = item;
      const expiresAt = new Date(item.expires_at);
      return { list, id, record: { purpose, email, createdAt, expiresAt, usedAt: dateOrNull(item.used_at) } };
    }
    case 'uploads':
      return {
        list,
        id,
        record: toUpload({ ...item, created_at: createdAt, expires_at: new Date(item.expires_at) }),
      };
    case 'events':
      return { list, id, record: toAuditEvent({ ...item, created_at: createdAt }) };
  }
};

import { type SQL, sql } from 'drizzle-orm';
import type { AuditEvent } from '../../audit/rules.ts';
import { type AuditRow, auditEventColumns, toAuditEvent } from '../../audit/sql/audit-rows.ts';
import type { SessionContext } from '../../platform/context.ts';
import { type PageRequest, pageOf } from '../../platform/rules/page.ts';
import { passed } from '../../sessions/sql/gate.ts';
import type { Upload } from '../../uploads/rules/upload.ts';
import { ownerColumns, toUpload, type UploadRow } from '../../uploads/sql/upload-rows.ts';
import { withPasswordAge } from '../rules/account.ts';
import type {
  AccountExport,
  DeviceRecord,
  IdentityRecord,
  MailRecord,
  SessionRecord,
  TokenRecord,
} from '../rules/account-export.ts';
import { accountColumnsOf, toAccount } from './account-rows.ts';
import type { OwnAccountParts, OwnAccountRow } from './own-account.ts';

/** A row as JSON has it: its dates are texts. */
type Json<Row> = {
  [Name in keyof Row]: Row[Name] extends Date | null ? Exclude<Row[Name], Date> | string : Row[Name];
};

type Listed<List extends string, Row> = {
  list: List;
  item: Json<{ id: string; created_at: Date } & Row>;
};

type RecordJson =
  | Listed<
      'identities',
      { issuer: string; subject: string; email: string | null; vouched: boolean; last_used_at: Date }
    >
  | Listed<
      'sessions',
      {
        refreshed_at: Date;
        expires_at: Date;
        revoked_at: Date | null;
        ip: string | null;
        user_agent: string | null;
      }
    >
  | Listed<'devices', { device: string; last_seen_at: Date; told_at: Date | null }>
  | Listed<'mails', { recipient: string; template: string; sent_at: Date | null }>
  | Listed<'tokens', { purpose: string; email: string; expires_at: Date; used_at: Date | null }>
  | Listed<'uploads', UploadRow>
  | Listed<'events', AuditRow>;

/**
 * Whether an address is the present one of the account `owner`. Mail to another address says something about the person
 * there: the mail that a change of address causes tells whether the new address has an account.
 */
const isOwnMailbox = (address: SQL, owner: SQL): SQL =>
  sql`${address} = (select account.email from users account where account.id = ${owner})`;

/** The rows of each list that are about the account `owner`, by its primary key `id`. */
const lists = (owner: SQL): Readonly<Record<RecordJson['list'], SQL>> => ({
  identities: sql`
    select identity.id, identity.issuer, identity.subject, identity.email, identity.vouched, identity.created_at,
      identity.last_used_at
    from identities identity where identity.user_id = ${owner}`,
  sessions: sql`
    select session.id, session.created_at, session.refreshed_at, session.expires_at, session.revoked_at,
      host(session.ip) as ip, session.user_agent
    from sessions session where session.user_id = ${owner}`,
  devices: sql`
    select known.id, known.device, known.created_at, known.last_seen_at, known.told_at
    from known_devices known where known.user_id = ${owner}`,
  mails: sql`
    select mail.id, mail.recipient, mail.template, mail.created_at, mail.sent_at from outbox mail
    where mail.user_id = ${owner} and ${isOwnMailbox(sql`mail.recipient`, owner)}`,
  tokens: sql`
    select token.id, token.purpose, token.email, token.created_at, token.expires_at, token.used_at
    from one_time_tokens token
    where token.user_id = ${owner} and ${isOwnMailbox(sql`token.email`, owner)}`,
  uploads: sql`
    select ${ownerColumns(sql`upload`)} from uploads upload
    where upload.user_id = ${owner} and upload.deleted_at is null`,
  events: sql`
    select ${auditEventColumns(sql`event`)} from audit_events event where event.subject_id = ${owner}`,
});

const dateOrNull = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** Each record in its list. */
const toLists = (records: readonly RecordJson[]) => {
  const identities: IdentityRecord[] = [];
  const sessions: SessionRecord[] = [];
  const devices: DeviceRecord[] = [];
  const mails: MailRecord[] = [];
  const tokens: TokenRecord[] = [];
  const uploads: Upload[] = [];
  const events: AuditEvent[] = [];
  for (const { list, item } of records) {
    const createdAt = new Date(item.created_at);
    switch (list) {
      case 'identities': {
        const { issuer, subject, email, vouched } = item;
        const lastUsedAt = new Date(item.last_used_at);
        identities.push({ issuer, subject, email, vouched, createdAt, lastUsedAt });
        break;
      }
      case 'sessions': {
        const { id, ip, user_agent: userAgent } = item;
        const lastUsedAt = new Date(item.refreshed_at);
        const expiresAt = new Date(item.expires_at);
        const revokedAt = dateOrNull(item.revoked_at);
        sessions.push({ id, createdAt, lastUsedAt, expiresAt, revokedAt, ip, userAgent });
        break;
      }
      case 'devices': {
        const { device, last_seen_at: seen, told_at: told } = item;
        devices.push({ device, createdAt, lastSeenAt: new Date(seen), toldAt: dateOrNull(told) });
        break;
      }
      case 'mails': {
        const { recipient, template } = item;
        mails.push({ recipient, template, createdAt, sentAt: dateOrNull(item.sent_at) });
        break;
      }
      case 'tokens': {
        const { purpose, email } = item;
        const expiresAt = new Date(item.expires_at);
        tokens.push({ purpose, email, createdAt, expiresAt, usedAt: dateOrNull(item.used_at) });
        break;
      }
      case 'uploads':
        uploads.push(toUpload({ ...item, created_at: createdAt, expires_at: new Date(item.expires_at) }));
        break;
      case 'events':
        events.push(toAuditEvent({ ...item, created_at: createdAt }));
    }
  }
  return { identities, sessions, devices, mails, tokens, uploads, events };
};

/**
 * A page of everything that is kept about the actor (GDPR article 15). The lists together are one, newest first by ids,
 * which no two rows share: pages that follow one another hold once every row that existed at the first page. A page
 * reads no more of each list than the page could hold.
 * @throws AppError `session_revoked`, `account_disabled`
 */
export const createExportOwnAccount =
  ({ db, gate, config }: Pick<OwnAccountParts, 'db' | 'gate' | 'config'>) =>
  async (ctx: SessionContext, { cursor, limit }: PageRequest): Promise<AccountExport> => {
    const owner = sql`(select gate.user_id from gate where gate.refusal is null)`;
    const most = limit + 1;
    const parted = Object.entries(lists(owner)).map(
      ([list, rows]) => sql`(
        select ${list}::text as list, one.id, to_json(one.*) as item from (${rows}) one
        ${cursor === null ? sql`` : sql`where one.id < ${cursor}::uuid`} order by one.id desc limit ${most})`,
    );
    const [row] = await db.execute<OwnAccountRow & { records: RecordJson[] }>(
      ctx,
      sql`
        with ${gate.own(ctx, { unverified: true })}, found as (
          select * from (${sql.join(parted, sql` union all `)}) listed order by id desc limit ${most}
        )
        select gate.refusal, ${accountColumnsOf(sql`account`)}, (
            select coalesce(
              json_agg(json_build_object('list', found.list, 'item', found.item) order by found.id desc), '[]')
            from found
          ) as records
        from gate left join users account on account.id = gate.user_id and gate.refusal is null`,
    );
    const own = passed(row);
    const account = withPasswordAge(toAccount(own), config.password.maxAgeDays, ctx.now);
    const { items, nextCursor } = pageOf(own.records, limit, ({ item }) => item.id);
    return { exportedAt: ctx.now, account, ...toLists(items), nextCursor };
  };

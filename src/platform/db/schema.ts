import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  inet,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';

/** Milliseconds, as JavaScript's Date has them: what is written is what is read back. */
const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });

/** Text in the order of its bytes, in which the index that keeps it unique also finds it by its first characters. */
const sortableText = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

/** Accounts. An e-mail address is kept in lower case, so that one mailbox is one account. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    email: sortableText('email').notNull(),
    emailVerifiedAt: instant('email_verified_at'),
    /** When a verification mail was last asked for; the next has to wait. */
    verificationSentAt: instant('verification_sent_at'),
    /** When the last reset link that is still of use was mailed; the next has to wait. */
    resetSentAt: instant('reset_sent_at'),
    /** The same of those asked for from a network that the account knows: strangers must not use up its owner's turns. */
    familiarResetSentAt: instant('familiar_reset_sent_at'),
    /** When the owner last took the account (back), by mail or by an administrator. Networks of earlier sessions may be a thief's. */
    familiarSince: instant('familiar_since'),
    /** Where that was done from: its owner's network until they log in. Null where an administrator did it. */
    familiarIp: inet('familiar_ip'),
    /** When the address was last told that it has an account already; the next has to wait. */
    existsNoticeSentAt: instant('exists_notice_sent_at'),
    username: sortableText('username'),
    /** PHC string; null for an account that signs in elsewhere only, or whose sign-up waits for its address. */
    passwordHash: text('password_hash'),
    passwordChangedAt: instant('password_changed_at'),
    mustChangePassword: boolean('must_change_password').notNull().default(false),
    disabledAt: instant('disabled_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (table) => [
    unique('users_email_unique').on(table.email),
    unique('users_username_unique').on(table.username),
    check('users_email_is_lower_case', sql`${table.email} = lower(${table.email})`),
  ],
);

/** Who an account is elsewhere. The pair of issuer and subject is one person's, and one account's. */
export const identities = pgTable(
  'identities',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    /** Whether the provider vouched for the address when it was linked; one of which it did not ends with the next reset. */
    vouched: boolean('vouched').notNull(),
    /** The address that the provider named when it was linked. Null for a row of an older version: no address at all. */
    email: sortableText('email'),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at').notNull(),
  },
  (table) => [
    unique('identities_issuer_subject_unique').on(table.issuer, table.subject),
    index('identities_user_id_index').on(table.userId),
  ],
);

/** At most one row: sessions that began before `not_before` are over, however live they look. */
export const sessionCutoff = pgTable(
  'session_cutoff',
  {
    id: smallint('id').primaryKey(),
    notBefore: instant('not_before').notNull(),
  },
  (table) => [check('session_cutoff_is_one_row', sql`${table.id} = 1`)],
);

/**
 * The network of a device, an IPv4 /24 or an IPv6 /64: a new address from the same provider is no new device. Limits
 * count by another network, that of `RequestContext`.
 */
export const deviceNetworkOf = (ip: SQLWrapper): SQL =>
  sql`network(set_masklen(${ip}, case family(${ip}) when 4 then 24 else 64 end))`;

/**
 * One row per sign-up, login, and session that continues another after a change of the password. The refresh token is
 * derived from the id and the counter, never stored.
 */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    /** No foreign key: an account can have more sessions than one statement should delete, so the purge takes them away. */
    userId: uuid('user_id').notNull(),
    /** Space-separated (RFC 6749 section 3.3). */
    scope: text('scope').notNull().default(''),
    /** How often the session has been refreshed; the token that carries this number is the current one. */
    refreshCounter: integer('refresh_counter').notNull().default(0),
    refreshedAt: instant('refreshed_at').notNull(),
    createdAt: instant('created_at').notNull(),
    /** Slides with each refresh, up to `absoluteExpiresAt`. */
    expiresAt: instant('expires_at').notNull(),
    absoluteExpiresAt: instant('absolute_expires_at').notNull(),
    revokedAt: instant('revoked_at'),
    revokedReason: text('revoked_reason', {
      enum: [
        'logout',
        'revoked',
        'refresh_reuse',
        'password_changed',
        'email_restored',
        'administrator',
        'account_disabled',
        'session_limit',
      ],
    }),
    ip: inet('ip'),
    userAgent: text('user_agent'),
    /**
     * The device that the last refresh, or the login, came from: after the grace, only it may ask once more with the
     * token one step behind. Null where nobody recognizes it, or where the current token has been presented.
     */
    lateDevice: text('late_device'),
    /** When such a late request was answered, within the last day. */
    lateAnsweredAt: instant('late_answered_at').array().notNull().default([]),
    /** The counter of the token that was last answered late, and how many steps in a row were. */
    lateCounter: integer('late_counter'),
    lateSteps: smallint('late_steps').notNull().default(0),
    /** Where the last refresh came from; null before the first one. */
    refreshedIp: inet('refreshed_ip'),
    /**
     * When the token one step behind was last answered, within the grace, at another network than the refresh. A thief may
     * live beside the owner in this way, so such a session gets no late answers for a day.
     */
    sharedAt: instant('shared_at'),
  },
  (table) => [
    index('sessions_user_id_id_index').on(table.userId, table.id),
    // The live ones, so that the oldest of too many are found without reading those that have ended.
    index('sessions_live_index').on(table.userId, table.id).where(sql`${table.revokedAt} is null`),
    // Whether the account knows a network.
    index('sessions_network_index').on(table.userId, deviceNetworkOf(table.ip), table.id),
  ],
);

/**
 * The devices that an account has logged in from, by browser family and system. The names come from closed lists, so an
 * account has some dozens of rows at most. One that was last seen before `users.familiar_since` is not known any more.
 */
export const knownDevices = pgTable(
  'known_devices',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    device: text('device').notNull(),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    /** When a mail told the owner of this device; the next such mail of the account has to wait. */
    toldAt: instant('told_at'),
  },
  (table) => [unique('known_devices_user_id_device_unique').on(table.userId, table.device)],
);

/** Accounts that are deleted and of which sessions or audit events are still to be erased; the purge does it in steps. */
export const erasures = pgTable('erasures', {
  /** Of the account that there was; nothing else is kept of it here. */
  accountId: uuid('account_id').primaryKey(),
  createdAt: instant('created_at').notNull(),
});

/** A role is a name and a set of permissions. */
export const roles = pgTable('roles', {
  name: text('name').primaryKey(),
  permissions: text('permissions').array().notNull().default([]),
  createdAt: instant('created_at').notNull(),
});

export const userRoles = pgTable(
  'user_roles',
  {
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    roleName: text('role_name')
      .notNull()
      .references(() => roles.name),
  },
  (table) => [
    primaryKey({ columns: [table.userId, table.roleName] }),
    index('user_roles_role_name_index').on(table.roleName),
  ],
);

/** What happened to whom, written in the statement that made it happen. No foreign keys: it outlives the user. */
export const auditEvents = pgTable(
  'audit_events',
  {
    id: uuid('id').primaryKey(),
    type: text('type').notNull(),
    actorId: uuid('actor_id'),
    subjectId: uuid('subject_id'),
    createdAt: instant('created_at').notNull(),
    ip: inet('ip'),
    userAgent: text('user_agent'),
    requestId: text('request_id').notNull(),
    details: jsonb('details').notNull().default({}),
  },
  (table) => [
    index('audit_events_subject_id_index').on(table.subjectId, table.id),
    index('audit_events_type_index').on(table.type, table.id),
    // Events that an account caused for another account. Most events are an account's own, and the other index finds those.
    index('audit_events_actor_id_index')
      .on(table.actorId, table.id)
      .where(sql`${table.actorId} is distinct from ${table.subjectId}`),
  ],
);

/**
 * What a link or a code in an e-mail stands for. The token and the code are derived from the id under a key
 * that the database does not have; `codeMac` lets a code be checked in one statement.
 */
export const oneTimeTokens = pgTable(
  'one_time_tokens',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    purpose: text('purpose', {
      enum: ['verify_email', 'reset_password', 'change_email', 'restore_email', 'invitation'],
    }).notNull(),
    /** The address that the holder proves, or gets back. */
    email: sortableText('email').notNull(),
    /** Of a token that gives an address back: since when the account had proved that address. */
    provedAt: instant('proved_at'),
    /** No longer written or read: what a sign-up chose waits in its browser (ADR 10). A later release drops both. */
    passwordHash: text('password_hash'),
    username: sortableText('username'),
    codeMac: text('code_mac'),
    codeExpiresAt: instant('code_expires_at'),
    codeAttempts: integer('code_attempts').notNull().default(0),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** When it was used or voided. */
    usedAt: instant('used_at'),
    /** When it did what it is for; null for a token that was voided (ADR 32). */
    succeededAt: instant('succeeded_at'),
  },
  (table) => [
    index('one_time_tokens_user_id_index').on(table.userId, table.purpose, table.id),
    index('one_time_tokens_email_index').on(table.email, table.purpose, table.id),
  ],
);

/** E-mails to be sent, written in the statement that gives cause for them. Holds no secret: tokens are derived. */
export const outbox = pgTable(
  'outbox',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').references(() => users.id, { onDelete: 'cascade' }),
    recipient: text('recipient').notNull(),
    template: text('template').notNull(),
    /** What the template needs beside the recipient: ids and facts, never a secret. */
    details: jsonb('details').notNull().default({}),
    /** Whether an account had proved the recipient's address when the mail was written; such an address has a budget of its own. */
    toProvedAddress: boolean('to_proved_address').notNull().default(false),
    createdAt: instant('created_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** Due from then on; a delivery that has begun moves it ahead, so that no second one begins beside it. */
    nextAttemptAt: instant('next_attempt_at').notNull(),
    sentAt: instant('sent_at'),
    failedAt: instant('failed_at'),
    lastError: text('last_error'),
  },
  (table) => [
    index('outbox_user_id_index').on(table.userId),
    index('outbox_due_index')
      .on(table.nextAttemptAt)
      .where(sql`${table.sentAt} is null and ${table.failedAt} is null`),
  ],
);

/** Files, from the declaration on. The bytes lie in the bucket under `object_name`, which is made of ids. */
export const uploads = pgTable(
  'uploads',
  {
    id: uuid('id').primaryKey(),
    /** Null once the account is gone; then the bytes and the row go too. */
    userId: uuid('user_id').references(() => users.id, { onDelete: 'set null' }),
    filename: text('filename').notNull(),
    contentType: text('content_type').notNull(),
    size: bigint('size', { mode: 'number' }).notNull(),
    sha256: text('sha256').notNull(),
    status: text('status', { enum: ['pending', 'scanning', 'clean', 'infected', 'failed'] }).notNull(),
    /** Why it failed, as a stable word. */
    reason: text('reason'),
    objectName: text('object_name').notNull(),
    /** Of the bytes that were confirmed; what a verdict is about. */
    etag: text('etag'),
    /** Of the copy outside the quarantine. */
    promotedEtag: text('promoted_etag'),
    /** The last word of a scanner, with the ETag that it is about; it may come before the confirmation. */
    verdict: text('verdict', { enum: ['clean', 'infected', 'failed'] }),
    verdictEtag: text('verdict_etag'),
    verdictEngine: text('verdict_engine'),
    /** Names of threats, or why there is no better verdict. */
    verdictDetail: text('verdict_detail'),
    verdictAt: instant('verdict_at'),
    /** Of the present piece of work: scanning, moving or deleting. */
    attempts: integer('attempts').notNull().default(0),
    /** Due from then on, null where nothing is; work that has begun moves it ahead, so that no second one begins. */
    nextAttemptAt: instant('next_attempt_at'),
    /** When a queue or the last attempt gave it up, for /readyz to tell. */
    givenUpAt: instant('given_up_at'),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    /** When the upload URL ends. */
    expiresAt: instant('expires_at').notNull(),
    completedAt: instant('completed_at'),
    /** When the content was found to agree with the type; without it no scan makes the file clean. */
    inspectedAt: instant('inspected_at'),
    deletedAt: instant('deleted_at'),
    bytesDeletedAt: instant('bytes_deleted_at'),
  },
  (table) => [
    check(
      'uploads_status_is_known',
      sql`${table.status} in ('pending', 'scanning', 'clean', 'infected', 'failed')`,
    ),
    check('uploads_size_is_positive', sql`${table.size} > 0`),
    check('uploads_sha256_is_hex', sql`${table.sha256} ~ '^[0-9a-f]{64}$'`),
    // A file is called clean for bytes that are known, and for a verdict about just those.
    check(
      'uploads_clean_is_proved',
      sql`${table.status} <> 'clean' or coalesce(${table.verdict} = 'clean' and ${table.verdictEtag} = ${table.etag}, false)`,
    ),
    // Whatever is not at its end has a time at which the sweep goes on with it.
    check(
      'uploads_open_work_is_due',
      sql`${table.nextAttemptAt} is not null or (${table.deletedAt} is null and (
        (${table.status} = 'clean' and ${table.promotedEtag} is not null)
        or (${table.status} in ('infected', 'failed') and ${table.bytesDeletedAt} is not null)))`,
    ),
    index('uploads_user_id_index').on(table.userId, table.id).where(sql`${table.deletedAt} is null`),
    // The deletion of an account looks for all of its rows.
    index('uploads_owner_index').on(table.userId),
    index('uploads_due_index').on(table.nextAttemptAt).where(sql`${table.nextAttemptAt} is not null`),
    index('uploads_without_owner_index').on(table.id).where(sql`${table.userId} is null`),
    index('uploads_given_up_index').on(table.givenUpAt).where(sql`${table.givenUpAt} is not null`),
  ],
);

/**
 * For a roll-back only: versions before the quota was counted from `uploads` wrote here what an account holds. Without
 * a check, because they subtract files that this version has not added. A later release drops the table.
 */
export const uploadUsage = pgTable('upload_usage', {
  userId: uuid('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  files: integer('files').notNull(),
  bytes: bigint('bytes', { mode: 'number' }).notNull(),
});

/** Events of a scanner that were heard, so that none counts twice; forgotten after their time window. */
export const scanEvents = pgTable(
  'scan_events',
  { id: text('id').primaryKey(), receivedAt: instant('received_at').notNull() },
  (table) => [index('scan_events_received_at_index').on(table.receivedAt)],
);

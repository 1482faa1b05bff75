import { createErasureSql } from '../../../src/accounts/sql/erasure.ts';
import { createOwnAccountSql } from '../../../src/accounts/sql/own-account.ts';
import { createExportOwnAccount } from '../../../src/accounts/sql/own-records.ts';
import { createSignUpSql } from '../../../src/accounts/sql/sign-ups.ts';
import { findTakenNames } from '../../../src/accounts/sql/taken-names.ts';
import { createAdministratorSql } from '../../../src/administration/sql/administrators.ts';
import { authorize } from '../../../src/administration/sql/authority.ts';
import { createUserDirectory } from '../../../src/administration/sql/user-directory.ts';
import { createUserSql } from '../../../src/administration/sql/users.ts';
import { createDueSql } from '../../../src/agenda/sql.ts';
import { createAuditSql, recordRefusedConfiguration } from '../../../src/audit/sql/audit.ts';
import { createEmailAddressSql } from '../../../src/emails/sql/email-addresses.ts';
import { createEmailChangeSql } from '../../../src/emails/sql/email-changes.ts';
import { createHealthSql, readLastMigration } from '../../../src/health/sql.ts';
import { createDeadLetterSql } from '../../../src/mail/sql/dead-letters.ts';
import { createOutboxSql } from '../../../src/mail/sql/outbox.ts';
import { createBacklogSql } from '../../../src/metrics/sql.ts';
import { createPasswordSql } from '../../../src/passwords/sql.ts';
import type { PermittedContext } from '../../../src/platform/context.ts';
import { createRetentionSql } from '../../../src/retention/sql.ts';
import { createRoleSql } from '../../../src/roles/sql.ts';
import { createGate, type StatementParts } from '../../../src/sessions/sql/gate.ts';
import { createRefresh } from '../../../src/sessions/sql/refresh.ts';
import { createSessionCutoffSql } from '../../../src/sessions/sql/session-cutoff.ts';
import { createSessionSql } from '../../../src/sessions/sql/sessions.ts';
import { createIdentitySql } from '../../../src/sso/sql/identities.ts';
import { createScanResultSql } from '../../../src/uploads/sql/scan-results.ts';
import { createUploadJobSql } from '../../../src/uploads/sql/upload-jobs.ts';
import { createUploadSql } from '../../../src/uploads/sql/uploads.ts';
import { createRecorder } from './statements.ts';

type Functions = Record<string, (...given: never[]) => unknown>;
/** For each function its arguments by the name of the case; '' where all arguments lead to the same text. */
type Cases<F extends Functions> = {
  readonly [Name in keyof F]: Readonly<Record<string, Parameters<F[Name]>>>;
};

type Group = {
  /** The folder of the golden files. */
  readonly folder: string;
  readonly functions: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly called: string;
    readonly call: (db: StatementParts['db']) => unknown;
  }[];
};

const silent = () => {};
const at = (time: string) => new Date(`2026-01-31T${time}Z`);
const now = at('12:00:00');
const soon = at('12:15:00');
const later = at('23:00:00');
const idOf = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;

const userId = idOf(0xa);
const sessionId = idOf(0xb);
const tokenId = idOf(0xc);
const outboxId = idOf(0xd);
const uploadId = idOf(0xe);
const cursor = idOf(0xf);

const ctx: PermittedContext = {
  requestId: 'a request',
  now,
  ip: '192.0.2.1',
  network: '192.0.2.1',
  networks: ['192.0.2.1'],
  userAgent: 'a browser',
  actor: { userId, sessionId, source: 'bearer', goodUntil: later },
  requiredPermission: 'users:read',
  signal: new AbortController().signal,
  keepAlive: silent,
  log: { debug: silent, info: silent, warn: silent, error: silent },
  defer: silent,
};

/** Everything but the database; each call counts its own ids, so that a golden file depends on nothing else. */
const partsOf = (db: StatementParts['db']): StatementParts => {
  let made = 0;
  return {
    db,
    gate: createGate({ verifiedOnly: true, passwordMaxAgeDays: 365, issuers: ['https://idp.example'] }),
    newId: () => idOf(++made),
    metrics: { count: silent, observe: silent, set: silent },
    verifiedOnly: true,
    passwordMaxAgeDays: 365,
  };
};

/** A factory and the folder of its golden files, then a call of each of its functions. */
const group =
  <F extends Functions>(folder: string, create: (parts: StatementParts) => F) =>
  (cases: Cases<F>): Group => ({
    folder,
    functions: Object.keys(create(partsOf(createRecorder().db))),
    cases: Object.entries<Readonly<Record<string, readonly unknown[]>>>(cases).flatMap(([called, given]) =>
      Object.entries(given).map(([variant, args]) => ({
        name: variant === '' ? called : `${called}-${variant}`,
        called,
        call: (db) => create(partsOf(db))[called]?.(...(args as never[])),
      })),
    ),
  });

const email = 'person@example.com';
const config = { password: { maxAgeDays: 365 } };
const verified = { tokenId, outboxId, codeMac: 'mac of a code' };
const linked = { ...verified, codeMac: null };
const policy = {
  refreshTtlSeconds: 3600,
  absoluteTtlSeconds: 86_400,
  reuseGraceSeconds: 10,
  lateMax: 3,
  maxPerAccount: 50,
};
const session = {
  id: idOf(0x1b),
  scope: '',
  refreshCounter: 0,
  expiresAt: soon,
  absoluteExpiresAt: later,
  maxPerAccount: 50,
};
const account = { email, username: 'person', passwordHash: 'a hash' };
const firstPage = { cursor: null, limit: 20 };
const nextPage = { cursor, limit: 20 };
const attempt = { email, passwordHash: 'a hash', username: 'person' };
const anyVersion = { ifMatch: null, ifNoneMatch: [], mustExist: false, mustNotExist: false };
const byName = { kind: 'username', value: 'person' } as const;
const byEmail = { kind: 'email', value: email } as const;
const verdict = {
  uploadId,
  objectName: 'an object',
  etag: 'an etag',
  engine: 'an engine',
  eventId: 'an event',
};
const declared = { filename: 'a.txt', contentType: 'text/plain', size: 1, sha256: '00' };
const login = {
  identity: { issuer: 'https://idp.example', subject: 'a subject', email, emailVerified: true },
  provider: { id: 'idp', name: 'A provider' },
  session,
  verification: null,
  deviceMailId: outboxId,
  noticeId: idOf(0x1d),
};

/** Every function that sends a statement. A function that is missing here does not compile, and fails a test. */
export const statementTable: readonly Group[] = [
  group('accounts', (parts) => createOwnAccountSql({ ...parts, config }))({
    find: { '': [ctx] },
    rename: { '': [ctx, 'person'] },
    remove: { '': [ctx, { passwordHash: 'a hash', updatedAt: now, outboxId }] },
  }),
  group('accounts', (parts) => ({ export: createExportOwnAccount({ ...parts, config }) }))({
    export: { '': [ctx, firstPage], 'next-page': [ctx, nextPage] },
  }),
  group(
    'accounts',
    createSignUpSql,
  )({
    create: {
      '': [ctx, { ...account, verification: null }, session],
      verified: [ctx, { ...account, verification: verified }, session],
    },
    register: { '': [ctx, { email, username: 'person', verification: verified }] },
  }),
  group('accounts', ({ db }) => ({
    findTakenNames: () => findTakenNames(db, ctx, 'email_taken', { email, username: 'person' }),
  }))({ findTakenNames: { '': [] } }),
  group('accounts/erasures', ({ db }) => createErasureSql({ db }))({
    step: { '': [ctx, { now, limit: 100 }] },
    findForgotten: { '': [ctx, now] },
  }),
  group(
    'administration',
    createUserDirectory,
  )({
    list: {
      '': [ctx, { ...firstPage, prefix: null }],
      'next-page': [ctx, { ...nextPage, prefix: null }],
      prefix: [ctx, { ...firstPage, prefix: 'per' }],
      'prefix-next-page': [ctx, { cursor: email, limit: 20, prefix: 'per' }],
    },
    read: { '': [ctx, userId] },
  }),
  group('administration', ({ db, gate }) => ({ authorize: () => authorize(db, gate, ctx) }))({
    authorize: { '': [] },
  }),
  group(
    'administration',
    createUserSql,
  )({
    create: {
      '': [ctx, { ...account, roles: ['user'], token: null }],
      invited: [ctx, { ...account, roles: ['user'], passwordHash: null, token: linked }],
    },
    edit: {
      '': [ctx, userId, { username: 'person', roles: ['user'] }, null],
      'if-match': [ctx, userId, { disabled: true, password: null }, ['1']],
    },
    remove: {
      '': [ctx, userId, { ifMatch: null, outboxId }],
      'if-match': [ctx, userId, { ifMatch: ['1'], outboxId }],
    },
    endSessions: { '': [ctx, userId] },
  }),
  group('administration/operators', (parts) => createAdministratorSql({ ...parts, source: 'a program' }))({
    appoint: { '': [ctx, email, { acceptUnverified: false }] },
    create: { '': [ctx, account] },
    isUsernameTaken: { '': [ctx, 'person'] },
  }),
  group(
    'audit',
    createAuditSql,
  )({
    list: {
      '': [ctx, { userId: null, type: null }, firstPage],
      'of-type': [ctx, { userId: null, type: 'login.failed' }, nextPage],
      'of-account': [ctx, { userId, type: null }, firstPage],
      'of-account-and-type': [ctx, { userId, type: 'login.failed' }, nextPage],
    },
    recordFailedLogin: {
      '': [ctx, { subjectId: userId, lockedBy: null }],
      locked: [ctx, { subjectId: userId, lockedBy: 'identifier' }],
    },
  }),
  group('audit', (parts) => ({
    recordRefusedConfiguration: (variables: readonly string[]) =>
      recordRefusedConfiguration(parts, ctx, variables),
  }))({ recordRefusedConfiguration: { '': [['A_VARIABLE']] } }),
  group(
    'emails',
    createEmailAddressSql,
  )({
    verifyByToken: { '': [ctx, tokenId, { attempt, resetTokenId: idOf(0x1c) }] },
    verifyByCode: {
      '': [ctx, { email, codeMac: 'mac of a code' }, { attempt: null, resetTokenId: idOf(0x1c) }],
    },
    resend: { '': [ctx, email, verified] },
    recordCodeLock: { '': [ctx, email, { lockedBy: 'identifier', outboxId }] },
  }),
  group(
    'emails',
    createEmailChangeSql,
  )({
    request: { '': [ctx, { email, passwordHash: 'a hash', token: linked, noticeId: idOf(0x1d) }] },
    confirm: { '': [ctx, tokenId, { sessionId, restore: linked }] },
    restore: { '': [ctx, tokenId, outboxId] },
  }),
  group('health', createHealthSql)({ read: { '': [ctx] } }),
  group('health', ({ db }) => ({ readLastMigration: () => readLastMigration(db, ctx) }))({
    readLastMigration: { '': [] },
  }),
  group(
    'mail',
    createOutboxSql,
  )({
    claim: { '': [ctx, outboxId] },
    settle: {
      sent: [ctx, { id: outboxId, attempts: 1 }, { kind: 'sent' }],
      again: [ctx, { id: outboxId, attempts: 1 }, { kind: 'again', afterSeconds: 60, reason: 'a reason' }],
      failed: [ctx, { id: outboxId, attempts: 1 }, { kind: 'failed', reason: 'a reason' }],
      'held-back': [
        ctx,
        { id: outboxId, attempts: 1 },
        { kind: 'held_back', reason: 'held_back', policy: 'a policy' },
      ],
    },
    due: { '': [ctx, 100] },
    tidy: { '': [ctx] },
    recent: { '': [ctx, 20, { to: 'ada@example.org', after: ctx.now }] },
  }),
  group('mail/dead-letters', ({ db }) => createDeadLetterSql({ db }))({
    list: { '': [ctx, 20] },
    retryMails: { '': [ctx, now, [outboxId]], all: [ctx, now, null] },
  }),
  group('agenda', createDueSql)({ read: { '': [ctx] } }),
  group('metrics', createBacklogSql)({ read: { '': [ctx, now] } }),
  group(
    'passwords',
    createPasswordSql,
  )({
    findForLogin: { 'by-email': [ctx, byEmail], 'by-username': [ctx, byName] },
    isFamiliarNetwork: { 'by-email': [ctx, byEmail], 'by-username': [ctx, byName] },
    replaceHash: { '': [ctx, userId, 'a hash', 'another hash'] },
    findOwn: { '': [ctx] },
    change: { '': [ctx, 'a hash', { hash: 'another hash', outboxId }, policy] },
    forget: { '': [ctx, email, linked] },
    findForReset: { '': [ctx, tokenId] },
    findChanged: { '': [ctx] },
    reset: { '': [ctx, tokenId, { hash: 'another hash', outboxId }] },
  }),
  group('retention', (parts) => {
    // The erasures are in a group of their own.
    const { erasures: _, ...functions } = createRetentionSql(parts);
    return functions;
  })({
    purge: {
      'audit-events': [ctx, 'audit_events', now, 100],
      sessions: [ctx, 'sessions', now, 100],
      'one-time-tokens': [ctx, 'one_time_tokens', now, 100],
    },
  }),
  group(
    'roles',
    createRoleSql,
  )({
    authorize: { '': [ctx] },
    list: { '': [ctx, firstPage], 'next-page': [ctx, { cursor: 'a role', limit: 20 }] },
    read: { '': [ctx, 'a role'] },
    put: {
      '': [ctx, 'a role', ['users:read'], anyVersion],
      'if-match': [ctx, 'a role', ['users:read'], { ...anyVersion, ifMatch: ['1'] }],
    },
    remove: { '': [ctx, 'a role', null], 'if-match': [ctx, 'a role', ['1']] },
  }),
  group(
    'sessions',
    createSessionSql,
  )({
    open: { '': [ctx, { userId, passwordChangedAt: now }, session, outboxId] },
    end: { '': [ctx, { sessionId, counter: 1 }] },
    endWithOthers: {
      others: [ctx, { sessionId, counter: null }, 'others', policy],
      global: [ctx, { sessionId, counter: null }, 'global', policy],
      'others-by-refresh-token': [ctx, { sessionId, counter: 1 }, 'others', policy],
      'global-by-refresh-token': [ctx, { sessionId, counter: 1 }, 'global', policy],
    },
    endOwn: { '': [ctx, sessionId] },
    listOwn: { '': [ctx, firstPage] },
  }),
  group('sessions', (parts) => ({ refresh: createRefresh(parts) }))({
    refresh: { '': [ctx, { sessionId, counter: 1 }, policy] },
  }),
  group('sessions', (parts) => createSessionCutoffSql(parts))({ endAll: { '': [ctx] } }),
  group(
    'sso',
    createIdentitySql,
  )({
    login: { '': [ctx, login], verified: [ctx, { ...login, verification: linked }] },
    isLive: { '': [ctx, sessionId] },
    listOwn: { '': [ctx] },
    unlink: { '': [ctx, idOf(0x1a)] },
  }),
  group(
    'uploads',
    createUploadSql,
  )({
    create: {
      '': [
        ctx,
        { ...declared, id: uploadId, objectName: 'an object', expiresAt: soon },
        { maxFiles: 10, maxTotalBytes: 1000 },
      ],
    },
    usage: { '': [ctx] },
    confirm: { '': [ctx, uploadId, { ...declared, etag: 'an etag' }] },
    findOwn: { '': [ctx, uploadId] },
    listOwn: { '': [ctx, firstPage] },
    listOf: { '': [ctx, userId, firstPage], 'next-page': [ctx, userId, nextPage] },
    removeOwn: { '': [ctx, uploadId] },
    findForPut: { '': [ctx, uploadId] },
  }),
  group(
    'uploads/scan-results',
    createScanResultSql,
  )({
    apply: { '': [ctx, { ...verdict, verdict: { kind: 'infected', detail: 'a threat' } }] },
  }),
  group(
    'uploads/jobs',
    createUploadJobSql,
  )({
    claim: { '': [ctx, uploadId] },
    recordInspection: { '': [ctx, { id: uploadId, etag: 'an etag' }, null] },
    postpone: { '': [ctx, { id: uploadId, attempts: 1 }] },
    due: { '': [ctx, 100] },
    tidy: { '': [ctx] },
    expire: { '': [ctx, uploadId] },
    giveUp: { '': [ctx, uploadId, 'scan_unanswered'] },
    promote: { '': [ctx, uploadId, 'an etag'] },
    discarded: { '': [ctx, uploadId] },
    purged: { '': [ctx, uploadId] },
    markGivenUp: { '': [ctx, uploadId] },
    nextDue: { '': [ctx, uploadId] },
    wantedInQuarantine: { '': [ctx, [uploadId]] },
  }),
];

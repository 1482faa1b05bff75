import type { Client } from 'pg';
import { createUserDirectory } from '../../../src/administration/sql/user-directory.ts';
import type { AuditEventType, AuditFilter } from '../../../src/audit/rules.ts';
import { createAuditSql } from '../../../src/audit/sql/audit.ts';
import type { PermittedContext } from '../../../src/platform/context.ts';
import type { Database } from '../../../src/platform/db/client.ts';
import type { Page } from '../../../src/platform/rules/page.ts';
import type { Permission } from '../../../src/platform/rules/permissions.ts';
import { createGate } from '../../../src/sessions/sql/gate.ts';
import {
  administrativeType,
  commonName,
  eventsPerUser,
  frequentType,
  rareName,
  rareType,
} from './database.ts';

/** A page, and the one row more that tells whether there is a next page. */
const limit = 50;
export const pageRows = limit + 1;

export type Session = { readonly userId: string; readonly sessionId: string };

/** The accounts and places that the questions of one database are about. */
export type Samples = {
  readonly administrator: Session;
  readonly userIds: readonly string[];
  readonly administratorIds: readonly string[];
  /** Cursors: ids of accounts and events, and terms that a search has matched. */
  readonly middleUsers: readonly string[];
  readonly lastUsers: readonly string[];
  readonly middleEvents: readonly string[];
  readonly lastEvents: readonly string[];
  readonly middleTerms: readonly string[];
  readonly lastTerms: readonly string[];
};

/** So many that no page is asked for twice in a row, and so few that all are in memory before the first measurement. */
const sampleCount = 40;
/** Enough that a page near the end is as full as any. */
const lastRows = 200;

/** Draws the samples, and logs an administrator in. */
export const takeSamples = async (client: Client, users: number): Promise<Samples> => {
  const texts = async (statement: string): Promise<string[]> =>
    (await client.query<{ value: string }>(statement)).rows.map(({ value }) => value);
  const page = (from: string, column: string, order: string, offset: number) =>
    texts(
      `select ${column}::text as value from ${from} order by ${order} offset ${Math.floor(offset)} limit ${sampleCount}`,
    );

  const administratorIds = await texts(
    `select u.id as value from users u join user_roles ur on ur.user_id = u.id
     where ur.role_name = 'admin' and u.disabled_at is null and u.email_verified_at is not null
     order by md5(u.id::text) limit ${sampleCount}`,
  );
  const [userId = ''] = administratorIds;
  await client.query('update users set password_changed_at = now() where id = $1', [userId]);
  const [sessionId = ''] = await texts(
    `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at)
     values (gen_random_uuid(), '${userId}', now(), now(), now() + interval '1 day', now() + interval '1 day')
     returning id as value`,
  );

  const terms = `(select email as term from users where email like '${commonName}%'
    union all select username from users where username like '${commonName}%') matches`;
  const [matches] = await texts(`select count(*)::text as value from ${terms}`);
  return {
    administrator: { userId, sessionId },
    administratorIds,
    userIds: await texts(`select id as value from users order by md5(id::text) limit ${sampleCount}`),
    middleUsers: await page('users', 'id', 'id', users / 2),
    lastUsers: await page('users', 'id', 'id', lastRows),
    middleEvents: await page('audit_events', 'id', 'id', (users * eventsPerUser) / 2),
    lastEvents: await page('audit_events', 'id', 'id', lastRows),
    middleTerms: await page(terms, 'term', 'term', Number(matches) / 2),
    lastTerms: await page(terms, 'term', 'term desc', lastRows),
  };
};

/** The context of a request of a session, without a time limit. */
export const contextOf = (session: Session, requiredPermission: Permission): PermittedContext => ({
  requestId: 'bench',
  now: new Date(),
  ip: '198.51.100.7',
  network: '198.51.100.7',
  networks: ['198.51.100.7'],
  userAgent: 'bench',
  actor: { ...session, source: 'bearer', goodUntil: new Date(8.64e15) },
  requiredPermission,
  signal: new AbortController().signal,
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  keepAlive: () => undefined,
  defer: () => {},
});

export const gate = createGate({ verifiedOnly: true, passwordMaxAgeDays: 90, issuers: [] });

/** One database, and the samples of it. */
export type Asked = { readonly db: Database; readonly samples: Samples };

export type Question = {
  readonly name: string;
  /** @returns the number of rows in the answer; `turn` draws the account or the place that is asked for */
  readonly ask: (asked: Asked, turn: number) => Promise<number>;
};

type Draw = (samples: Samples, turn: number) => string | null;
const none: Draw = () => null;
/** One of the samples of a kind, in turn. */
const any =
  (kind: Exclude<keyof Samples, 'administrator'>): Draw =>
  (samples, turn) =>
    samples[kind][turn % samples[kind].length] ?? '';

/** The rows that a page was made of: the last page has none left over. */
const rowsOf = ({ items, nextCursor }: Page<unknown>): number => items.length + (nextCursor === null ? 0 : 1);

const search = (name: string, prefix: string | null, after: Draw = none): Question => ({
  name: `${prefix === null ? 'users' : 'search'}: ${name}`,
  ask: async ({ db, samples }, turn) => {
    const { list } = createUserDirectory({ db, gate, passwordMaxAgeDays: null });
    const query = { prefix, cursor: after(samples, turn), limit };
    return rowsOf(await list(contextOf(samples.administrator, 'users:read'), query));
  },
});

const users = (name: string, after: Draw = none): Question => search(name, null, after);

const newId = () => {
  throw new Error('nothing is written');
};

const audit = (
  name: string,
  { user = none, type = null, after = none }: { user?: Draw; type?: AuditEventType | null; after?: Draw },
): Question => ({
  name: `audit: ${name}`,
  ask: async ({ db, samples }, turn) => {
    const filter: AuditFilter = { userId: user(samples, turn), type };
    const { list } = createAuditSql({ db, newId, gate });
    return rowsOf(
      await list(contextOf(samples.administrator, 'audit:read'), filter, {
        cursor: after(samples, turn),
        limit,
      }),
    );
  },
});

const [user, administrator] = [any('userIds'), any('administratorIds')];
const middle = any('middleEvents');

/** Every kind of page that administrators ask for. */
export const questions: readonly Question[] = [
  users('first page'),
  users('in the middle', any('middleUsers')),
  users('near the end', any('lastUsers')),
  search('rare prefix', rareName.slice(0, 4)),
  search('one letter', 'a'),
  search('address and name', commonName),
  search('address and name, in the middle', commonName, any('middleTerms')),
  search('address and name, near the end', commonName, any('lastTerms')),
  audit('first page', {}),
  audit('in the middle', { after: middle }),
  audit('near the end', { after: any('lastEvents') }),
  audit('by user', { user }),
  audit('by administrator', { user: administrator }),
  audit('by frequent type', { type: frequentType }),
  audit('by frequent type, in the middle', { type: frequentType, after: middle }),
  audit('by rare type', { type: rareType }),
  audit('by rare type, in the middle', { type: rareType, after: middle }),
  audit('by user and type', { user, type: frequentType }),
  audit('by administrator and type', { user: administrator, type: administrativeType }),
];

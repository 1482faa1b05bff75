import type { Client } from 'pg';
import { commonName, eventsPerUser } from './fill.ts';

/** Whom and what the questions of one database are about. */
export type Samples = {
  readonly administrator: { readonly userId: string; readonly sessionId: string };
  readonly userIds: readonly string[];
  readonly administratorIds: readonly string[];
  /** Cursors: ids of accounts and events, and what a search has matched. */
  readonly middleUsers: readonly string[];
  readonly lastUsers: readonly string[];
  readonly middleEvents: readonly string[];
  readonly lastEvents: readonly string[];
  readonly middleTerms: readonly string[];
  readonly lastTerms: readonly string[];
};

/** So many that no page is asked for twice in a row, and so few that all are in memory before anything is timed. */
const sampleCount = 40;
/** Enough that a page near the end is as full as any. */
const lastRows = 200;

/** Draws them, and logs an administrator in. */
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

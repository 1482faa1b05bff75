import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import { administrativePermissions, signUpRole } from '../../src/platform/rules/permissions.ts';
import { encrypted, placeOf } from '../stack/database-plan.ts';
import { type Finding, failure, ok, verdict, warning } from './report.ts';

const limitMs = 10_000;

/**
 * Looks at a database as the Worker's role does. It writes nothing.
 *
 * @param migrator the name of the migrator's role, where it is known
 * @param beforeMigrate whether missing migrations are about to be applied
 */
export const inspectDatabase = async (
  url: string,
  migrator: string | null,
  beforeMigrate: boolean,
): Promise<Finding[]> => {
  const client = new Client({
    connectionString: encrypted(url),
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
  });
  // A query that waits for its answer reports a broken connection.
  client.on('error', () => {});
  let problem = 'cannot be reached';
  try {
    await client.connect();
    problem = 'does not answer';
    return [
      ...(await inspectRole(client, migrator)),
      await inspectMigrations(client, beforeMigrate),
      ...(await inspectSignUps(client)),
    ];
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    return [failure('database', `${placeOf(url)} ${problem}: ${message || code || 'no reason was given'}`)];
  } finally {
    // A database that does not answer does not say goodbye either.
    await Promise.race([client.end().catch(() => {}), sleep(1_000, undefined, { ref: false })]);
  }
};

type Facts = {
  user: string;
  encrypted: boolean;
  creates: boolean;
  owns: string[];
  unusable: string[];
};

/** The Worker's role and its rights; names only. */
const facts = `
  with tables as (
    select c.oid, c.relname, c.relowner from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p'))
  select current_user as user,
    coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
    has_schema_privilege(current_user, 'public', 'CREATE') as creates,
    array(select t.relname::text from tables t where pg_get_userbyid(t.relowner) = current_user) as owns,
    array(select t.relname::text from tables t, unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) right_to
          where not has_table_privilege(current_user, t.oid, right_to) group by t.relname) as unusable`;

const inspectRole = async (client: Client, migrator: string | null): Promise<Finding[]> => {
  const { rows } = await client.query<Facts>(facts);
  const { user, creates, owns, unusable, ...connection } = rows[0] as Facts;
  return [
    ok('database', `answers ${user}${connection.encrypted ? ', encrypted' : ', not encrypted'}`),
    verdict(
      'no DDL',
      !creates && owns.length === 0,
      `${user} changes no table`,
      `${user} may ${creates ? 'create tables' : `change ${owns.join(', ')}`}; run npm run db:roles`,
    ),
    verdict(
      'rows',
      unusable.length === 0,
      `${user} reads and writes every table`,
      `${user} lacks rights on ${unusable.join(', ')}; run npm run db:roles`,
    ),
    ...(migrator === user ? [failure('two roles', `migrations run as ${migrator} too`)] : []),
    ...(migrator !== null && migrator !== user ? [ok('two roles', `migrations run as ${migrator}`)] : []),
  ];
};

/** Whether the database has no such table or schema, or gives no right to it. */
const isAbsent = (error: unknown): boolean =>
  /^(?:42P01|3F000|42501)$/.test(String((error as { code?: unknown }).code));

const inspectMigrations = async (client: Client, beforeMigrate: boolean): Promise<Finding> => {
  const lacking = beforeMigrate ? warning : failure;
  const newest = journal.entries.at(-1);
  try {
    const { rows } = await client.query<{ last: string | null }>(
      'select max(created_at)::text as last from drizzle.__drizzle_migrations',
    );
    const last = Number(rows[0]?.last ?? 0);
    const missing = journal.entries.filter(({ when }) => when > last).map(({ tag }) => tag);
    if (missing.length > 0)
      return lacking('migrations', `missing: ${missing.join(', ')}; run npm run db:migrate`);
    return last > (newest?.when ?? 0)
      ? failure('migrations', 'the database is ahead of this code')
      : ok('migrations', `current (${newest?.tag})`);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    return lacking('migrations', 'none, or the role cannot read them; run npm run db:migrate');
  }
};

/** The role of every sign-up takes no administrative permission now, but may have some from before. */
const inspectSignUps = async (client: Client): Promise<Finding[]> => {
  try {
    const { rows } = await client.query<{ permissions: string[] }>(
      'select permissions from roles where name = $1 and permissions && $2::text[]',
      [signUpRole, administrativePermissions],
    );
    return rows.map(({ permissions }) =>
      warning(
        'sign-ups',
        `every new account may ${permissions.join(', ')}; PUT /roles/${signUpRole} without them`,
      ),
    );
  } catch (error) {
    // The other checks say so.
    if (!isAbsent(error)) throw error;
    return [];
  }
};

import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import { administrativePermissions, signUpRole } from '../../src/platform/rules/permissions.ts';
import { encrypted, placeOf } from '../stack/database-plan.ts';
import { type Finding, failure, ok, verdict, warning } from './report.ts';

type Facts = {
  user: string;
  encrypted: boolean;
  creates: boolean;
  owns: string[];
  unusable: string[];
};

/** What the Worker's role is and may do; names only. */
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

const lastMigration = 'select max(created_at)::text as last from drizzle.__drizzle_migrations';

const inspectMigrations = async (client: Client, beforeMigrate: boolean): Promise<Finding> => {
  const lacking = beforeMigrate ? warning : failure;
  const newest = journal.entries.at(-1);
  try {
    const { rows } = await client.query<{ last: string | null }>(lastMigration);
    const last = Number(rows[0]?.last ?? 0);
    const missing = journal.entries.filter(({ when }) => when > last).map(({ tag }) => tag);
    if (missing.length > 0)
      return lacking('migrations', `missing: ${missing.join(', ')}; run npm run db:migrate`);
    return last > (newest?.when ?? 0)
      ? failure('migrations', 'the database is ahead of this code')
      : ok('migrations', `current (${newest?.tag})`);
  } catch (error) {
    // No such table or schema, or no right to it; anything else is an affair of the connection.
    if (!/^(?:42P01|3F000|42501)$/.test(String((error as { code?: unknown }).code))) throw error;
    return lacking('migrations', 'none, or the role cannot read them; run npm run db:migrate');
  }
};

/** The role of every sign-up takes no administrative permission, but may have some from before. */
const inspectSignUps = async (client: Client): Promise<Finding[]> => {
  try {
    const { rows } = await client.query<{ permissions: string[] }>(
      'select permissions from roles where name = $1 and permissions && $2::text[]',
      [signUpRole, administrativePermissions],
    );
    return rows.map(({ permissions }) =>
      warning('sign-ups', `every one may ${permissions.join(', ')}; PUT /roles/${signUpRole} without them`),
    );
  } catch (error) {
    // Before the first migration, or without rights, which the other checks say.
    if (!/^(?:42P01|42501)$/.test(String((error as { code?: unknown }).code))) throw error;
    return [];
  }
};

const inspect = async (
  client: Client,
  migrator: string | null,
  beforeMigrate: boolean,
): Promise<Finding[]> => {
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
    ...(migrator === null
      ? []
      : [
          verdict(
            'two roles',
            migrator !== user,
            `migrations run as ${migrator}`,
            `migrations run as ${user} too`,
          ),
        ]),
    await inspectMigrations(client, beforeMigrate),
    ...(await inspectSignUps(client)),
  ];
};

const limitMs = 10_000;

const reasonOf = ({ message, code }: Error & { code?: string }): string =>
  message || code || 'no reason was given';

/** Looks at a database as the Worker's role does. It writes nothing. */
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
  // Whoever waits for an answer hears of a broken connection there.
  client.on('error', () => {});
  const failed = (what: string) => (error: Error) => [
    failure('database', `${placeOf(url)} ${what}: ${reasonOf(error)}`),
  ];
  try {
    await client.connect();
  } catch (error) {
    return failed('cannot be reached')(error as Error);
  }
  try {
    return await inspect(client, migrator, beforeMigrate).catch(failed('does not answer'));
  } finally {
    // One that does not answer does not say goodbye either.
    await Promise.race([client.end().catch(() => {}), sleep(1_000, undefined, { ref: false })]);
  }
};

import { statfs } from 'node:fs/promises';
import type { Client } from 'pg';
import { CliError } from '../../program/cli.ts';
import { isLoopback } from '../../stack/database-plan.ts';
import { applyMigrations, withClient } from '../../stack/postgres.ts';
import { createServerDatabase } from '../server-database.ts';

export type ScaleDatabase = {
  readonly users: number;
  readonly url: string;
  /** Migrates it and fills it; `note` is called at each step. */
  readonly fill: (note?: (step: string) => void) => Promise<void>;
  /** Drops the database, even while it is in use. */
  readonly drop: () => Promise<void>;
};

/** An empty database of its own on a server, for so many accounts and their events. */
export const createScaleDatabase = async (serverUrl: string, users: number): Promise<ScaleDatabase> => {
  const { url, drop } = await createServerDatabase(serverUrl, `scale_${users}`);
  return {
    users,
    url,
    fill: async (note = () => {}) => {
      await applyMigrations(url);
      await withClient(url, (client) => fill(client, users, note));
    },
    drop,
  };
};

/** Tables and indexes of one account and its ten events. A server may keep as much again of its log. */
const bytesPerUser = 6_000;
const logBytes = 2 * 1024 ** 3;

/** @throws CliError when the server cannot be reached, or is on this machine and its disk too full */
export const requireRoom = async (serverUrl: string, users: number): Promise<void> => {
  const directory = await dataDirectory(serverUrl);
  if (directory === null || !isLoopback(new URL(serverUrl).hostname)) return;
  const disk = await statfs(directory).catch(() => null);
  if (disk === null) return;
  const free = disk.bavail * disk.bsize;
  const needed = users * bytesPerUser + logBytes;
  if (free < needed) {
    throw new CliError(
      `The disk of the server has ${gigabytes(free)} free and ${gigabytes(needed)} are needed: try --rows 10000,100000.`,
    );
  }
};

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

const dataDirectory = async (serverUrl: string): Promise<string | null> => {
  const ask = (client: Client) =>
    client.query<{ directory: string }>("select current_setting('data_directory') as directory");
  try {
    return (await withClient(serverUrl, ask)).rows[0]?.directory ?? null;
  } catch (error) {
    // Some roles may not read this setting.
    if ((error as { code?: string }).code === '42501') return null;
    const { host } = new URL(serverUrl);
    throw new CliError(
      `The server of TEST_DATABASE_URL, ${host}, cannot be reached: ${(error as Error).message}`,
    );
  }
};

export const eventsPerUser = 10;
/** The same number in every database, so that each of them does more to others the larger it is. */
const administrators = 10;
/** Names given on purpose: one that is found in both columns, and one that is found hardly anywhere. */
export const commonName = 'anna';
export const rareName = 'zephyrine';
export const frequentType = 'session.opened';
export const rareType = 'account.deleted';
export const administrativeType = 'account.changed';

const firstNames = [
  ...['ada', 'alan', 'alice', 'amir', commonName, 'anne', 'bela', 'boris', 'carla', 'chen', 'dara', 'dmitri'],
  ...['elena', 'emil', 'fatima', 'grace', 'hana', 'hugo', 'ines', 'ivan', 'jana', 'jonas', 'kofi', 'lea'],
  ...['lin', 'maria', 'marta', 'nadia', 'noah', 'olga', 'omar', 'paul', 'petra', 'quinn', 'rosa', 'samir'],
  ...['sofia', 'tomas', 'uma', 'vera', 'wei', 'yusuf', 'zoe'],
];
const lastNames = [
  ...['berg', 'costa', 'diaz', 'ito', 'khan', 'lopez', 'meyer', 'novak', 'okafor', 'silva', 'wang'],
];
const mailHosts = ['example.com', 'example.net', 'example.org', 'mail.example', 'post.example'];

const literal = (texts: readonly string[]) => `array['${texts.join("','")}']`;
const oneOf = (texts: readonly string[], random: string) =>
  `(${literal(texts)})[1 + floor(${random} * ${texts.length})::int]`;

const dayMs = 86_400_000;

/** Functions of this connection alone: UUIDv7 (RFC 9562 section 5.7) of the n-th row, in the order of time. */
const functions = (users: number, nowMs: number): string[] => {
  const instant = (days: number, rows: number) =>
    `${nowMs - days * dayMs}::bigint + (n * ${((days - 1) * dayMs) / rows})::bigint`;
  const define = (name: string, ms: string) => [
    `create function pg_temp.${name}_ms(n bigint) returns bigint language sql immutable as $$ select ${ms} $$`,
    `create function pg_temp.${name}_id(n bigint) returns uuid language sql immutable as $$
       select (lpad(to_hex(pg_temp.${name}_ms(n)), 12, '0') ||
               overlay(overlay(substr(md5('${name}' || n::text), 13) placing '7' from 1) placing 'a' from 5))::uuid $$`,
  ];
  return [
    ...define('user', instant(700, users)),
    ...define('event', instant(364, users * eventsPerUser)),
    'create function pg_temp.at(ms bigint) returns timestamptz language sql stable as $$ select to_timestamp(ms / 1000.0) $$',
  ];
};

const insertUsers = (users: number) => `
  insert into users (id, email, email_verified_at, username, password_hash, password_changed_at,
                     disabled_at, created_at, updated_at)
  select pg_temp.user_id(n), first || '.' || last || n || '@' || host,
    case when r1 < 0.9 then made end,
    case when r2 < 0.34 then first || case when r2 < 0.17 then '.' else '_' end || n end,
    '$argon2id$v=19$m=19456,t=2,p=1$' || substr(md5('salt' || n::text), 1, 22) || '$' || md5('a' || n::text) || substr(md5('b' || n::text), 1, 11),
    made, case when r1 < 0.01 then made + interval '1 day' end, made, made
  from (
    select n, pg_temp.at(pg_temp.user_ms(n)) as made, random() as r1, random() as r2,
      case when n in (${users / 4}, ${users / 2}, ${(users / 4) * 3}) then '${rareName}' else ${oneOf(firstNames, 'random()')} end as first,
      ${oneOf(lastNames, 'random()')} as last, ${oneOf(mailHosts, 'random()')} as host
    from generate_series(0::bigint, ${users - 1}) n
  ) person`;

const insertRoles = (users: number) => `
  insert into user_roles (user_id, role_name)
  select pg_temp.user_id(n), name from generate_series(0::bigint, ${users - 1}) n,
    unnest(array['user', case when n % ${users / administrators} = 0 then 'admin' when n % 200 = 1 then 'support' end]) name
  where name is not null`;

const insertSessions = (users: number) => `
  insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
  select gen_random_uuid(), pg_temp.user_id(n), now(), now(), now() + interval '7 days', now() + interval '30 days',
    '198.51.100.7', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36'
  from generate_series(0::bigint, ${users - 1}, 3) n`;

/** Ten of each account, over a year; a fiftieth of them are acts of administrators. */
const insertEvents = (users: number) => `
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id)
  select pg_temp.event_id(n), type,
    case when type in ('${rareType}', '${administrativeType}')
      then pg_temp.user_id(floor(r2 * ${administrators})::bigint * ${users / administrators})
      when type <> 'login.failed' then subject end,
    subject, pg_temp.at(pg_temp.event_ms(n)), ('198.51.' || (n % 256) || '.' || (n / 256 % 256))::inet,
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0', 'bench-' || n
  from (
    select n, r2, pg_temp.user_id((n * 7919) % ${users}) as subject,
      case when r1 < 0.002 then '${rareType}' when r1 < 0.02 then '${administrativeType}'
        when r1 < 0.07 then 'password.changed' when r1 < 0.1 then 'email.verified' when r1 < 0.3 then 'login.failed'
        when r1 < 0.5 then 'session.ended' else '${frequentType}' end as type
    from (select n, random() as r1, random() as r2
          from generate_series(0::bigint, ${users * eventsPerUser - 1}) n) drawn
  ) event`;

const filled = ['users', 'user_roles', 'sessions', 'audit_events'];

/** Fills an empty, migrated database; `note` is called at each step. */
const fill = async (client: Client, users: number, note: (step: string) => void): Promise<void> => {
  const run = (statement: string) => client.query(statement);
  await run('set synchronous_commit = off');
  await run("set maintenance_work_mem = '512MB'");
  // Every reference below is right, so none has to be checked.
  await run('set session_replication_role = replica');
  await run('select setseed(0.5)');
  for (const definition of functions(users, Date.now())) await run(definition);

  // The rows are only read afterwards, by this program alone.
  await run('alter table audit_events set unlogged');
  for (const table of filled) await run(`alter table ${table} set (autovacuum_enabled = off)`);
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i
     where i.indrelid = any($1::regclass[]) and not i.indisunique`,
    [filled],
  );
  for (const { name } of indexes) await run(`drop index ${name}`);

  note('accounts');
  await run("insert into roles (name, permissions, created_at) values ('support', '{users:read}', now())");
  await run(insertUsers(users));
  await run(insertRoles(users));
  await run(insertSessions(users));
  note('events');
  await run(insertEvents(users));
  note('indexes');
  for (const { definition } of indexes) await run(definition);
  for (const table of filled) await run(`vacuum (analyze) ${table}`);
};

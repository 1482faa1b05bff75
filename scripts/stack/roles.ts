import { type Client, DatabaseError, escapeIdentifier, escapeLiteral } from 'pg';
import { withClient } from './postgres.ts';

export type RoleCredentials = {
  readonly user: string;
  /** Null leaves the role's password as it is; a new role has none, and then no login over the network. */
  readonly password: string | null;
};

export type Roles = {
  /** Runs the migrations and owns the tables that they make. */
  readonly migrator: RoleCredentials;
  /** The Worker's: reads and writes rows, changes no structure. */
  readonly app: RoleCredentials;
};

export type RoleStatement = { readonly purpose: string; readonly sql: string };

const step = (purpose: string, sql: string): RoleStatement => ({ purpose, sql });

/**
 * The statements that make the two roles and separate them. Running them again changes nothing but the passwords. The
 * order matters: default privileges need the membership before them.
 */
export const roleStatements = ({ migrator, app }: Roles, database: string): RoleStatement[] => {
  const [migratorName, appName] = [escapeIdentifier(migrator.user), escapeIdentifier(app.user)];
  const databaseName = escapeIdentifier(database);
  return [
    ...loginRole(migrator),
    ...loginRole(app),
    // On Neon, and since PostgreSQL 16, the administrator is no superuser and no member of the roles that it creates.
    step(`let this administrator act for ${migrator.user}`, `GRANT ${migratorName} TO CURRENT_USER`),
    step(`${app.user} is no member of ${migrator.user}`, `REVOKE ${migratorName} FROM ${appName}`),
    step('no CREATE in public for any other role', `REVOKE CREATE ON SCHEMA public FROM PUBLIC, ${appName}`),
    step('no temporary tables for everybody', `REVOKE TEMPORARY ON DATABASE ${databaseName} FROM PUBLIC`),
    step(
      `${migrator.user} may connect and create`,
      `GRANT CONNECT, CREATE ON DATABASE ${databaseName} TO ${migratorName}`,
    ),
    step(`${app.user} may connect`, `GRANT CONNECT ON DATABASE ${databaseName} TO ${appName}`),
    step(`${migrator.user} may create in public`, `GRANT USAGE, CREATE ON SCHEMA public TO ${migratorName}`),
    step(`${app.user} may use public`, `GRANT USAGE ON SCHEMA public TO ${appName}`),
    step(
      "a schema for drizzle-kit's journal",
      `CREATE SCHEMA IF NOT EXISTS drizzle AUTHORIZATION ${migratorName}`,
    ),
    ...tablePrivileges(migratorName, appName),
  ];
};

const loginRole = ({ user, password }: RoleCredentials): RoleStatement[] => {
  const name = escapeIdentifier(user);
  return [
    step(
      `role ${user}`,
      `DO $$ BEGIN CREATE ROLE ${name}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
    ),
    step(
      // Only where an attribute is there to take away: not every administrator may name these attributes.
      `${user} has no attribute that bypasses privileges`,
      `DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${escapeLiteral(user)}
    AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)) THEN
    ALTER ROLE ${name} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
END $$`,
    ),
    step(
      `${user} may log in`,
      `ALTER ROLE ${name} LOGIN${password === null ? '' : ` PASSWORD ${escapeLiteral(password)}`}`,
    ),
  ];
};

const rows = 'SELECT, INSERT, UPDATE, DELETE';

/** The part of `roleStatements` that the owner of the tables may run. Both names are quoted already. */
export const tablePrivileges = (migrator: string, app: string): RoleStatement[] => {
  const future = (schema: string) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema}`;
  return [
    step('rows of the tables there are', `GRANT ${rows} ON ALL TABLES IN SCHEMA public TO ${app}`),
    step(
      'but not their structure',
      `REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public FROM ${app}`,
    ),
    step('sequences there are', `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${app}`),
    step('rows of tables to come', `${future('public')} GRANT ${rows} ON TABLES TO ${app}`),
    step('sequences to come', `${future('public')} GRANT USAGE ON SEQUENCES TO ${app}`),
    step('the journal, to read', `GRANT USAGE ON SCHEMA drizzle TO ${app}`),
    step('the journal there is', `GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO ${app}`),
    step('the journal to come', `${future('drizzle')} GRANT SELECT ON TABLES TO ${app}`),
  ];
};

/** Makes the roles in the database of `adminUrl`, all or nothing. @returns one line for each statement that ran */
export const applyRoles = (adminUrl: string, roles: Roles): Promise<string[]> =>
  withClient(adminUrl, (client) => inTransaction(client, () => apply(client, roles)));

const apply = async (client: Client, roles: Roles): Promise<string[]> => {
  const { rows } = await client.query<{ database: string; admin: string }>(
    'SELECT current_database() AS database, current_user AS admin',
  );
  const { database = '', admin = '' } = rows[0] ?? {};
  // It would lock itself out: its attributes and its password are about to change.
  if (admin === roles.migrator.user || admin === roles.app.user)
    throw new Error(`${admin} is the administrator of this connection and cannot be one of the two roles`);
  const statements = roleStatements(roles, database);
  for (const { sql } of statements) await client.query(sql);
  return statements.map(({ purpose }) => purpose);
};

const attempts = 5;

// Roles belong to the whole server, so two stacks on one server may change the same row at once.
const inTransaction = async <T>(client: Client, work: () => Promise<T>, attempt = 1): Promise<T> => {
  try {
    await client.query('BEGIN');
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    if (attempt === attempts || !isCollision(error)) throw error;
    return inTransaction(client, work, attempt + 1);
  }
};

const isCollision = (error: unknown) =>
  error instanceof DatabaseError &&
  (error.code === '23505' || error.message === 'tuple concurrently updated');

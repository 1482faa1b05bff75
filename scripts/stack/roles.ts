import { quoteIdentifier } from './transaction.ts';

export type RoleCredentials = {
  readonly user: string;
  /** Null leaves the role's password as it is; a new role has none, and then no login over the network. */
  readonly password: string | null;
};

export type RolesPlan = {
  /** Runs the migrations and owns what they make. */
  readonly migrator: RoleCredentials;
  /** The Worker's: reads and writes rows, changes no structure. */
  readonly app: RoleCredentials;
  readonly database: string;
};

export type RoleStatement = { readonly purpose: string; readonly sql: string };

/**
 * The statements that make the two roles and draw the line between them. Running them again changes
 * nothing but the passwords. The order matters: default privileges need the membership before them.
 */
export const roleStatements = ({ migrator, app, database }: RolesPlan): RoleStatement[] => {
  const [migratorName, appName] = [quoteIdentifier(migrator.user), quoteIdentifier(app.user)];
  const databaseName = quoteIdentifier(database);
  return [
    ...loginRole(migrator),
    ...loginRole(app),
    {
      // On Neon, and since PostgreSQL 16, the administrator is no superuser and no member of what it creates.
      purpose: `let this administrator act for ${migrator.user}`,
      sql: `GRANT ${migratorName} TO CURRENT_USER`,
    },
    {
      purpose: `${app.user} is no member of ${migrator.user}`,
      sql: `REVOKE ${migratorName} FROM ${appName}`,
    },
    {
      purpose: 'no CREATE in public for anybody else',
      sql: `REVOKE CREATE ON SCHEMA public FROM PUBLIC, ${appName}`,
    },
    {
      purpose: 'no temporary tables for everybody',
      sql: `REVOKE TEMPORARY ON DATABASE ${databaseName} FROM PUBLIC`,
    },
    {
      purpose: `${migrator.user} may connect and create`,
      sql: `GRANT CONNECT, CREATE ON DATABASE ${databaseName} TO ${migratorName}`,
    },
    { purpose: `${app.user} may connect`, sql: `GRANT CONNECT ON DATABASE ${databaseName} TO ${appName}` },
    {
      purpose: `${migrator.user} may create in public`,
      sql: `GRANT USAGE, CREATE ON SCHEMA public TO ${migratorName}`,
    },
    { purpose: `${app.user} may use public`, sql: `GRANT USAGE ON SCHEMA public TO ${appName}` },
    {
      purpose: "a schema for drizzle-kit's journal",
      sql: `CREATE SCHEMA IF NOT EXISTS drizzle AUTHORIZATION ${migratorName}`,
    },
    ...tablePrivileges(migratorName, appName),
  ];
};

const loginRole = ({ user, password }: RoleCredentials): RoleStatement[] => [
  {
    purpose: `role ${user}`,
    sql: `DO $$ BEGIN CREATE ROLE ${quoteIdentifier(user)}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
  },
  {
    // Only where there is something to take away: not every administrator may name these attributes.
    purpose: `${user} has no attribute that goes round privileges`,
    sql: `DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${quoteLiteral(user)}
    AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)) THEN
    ALTER ROLE ${quoteIdentifier(user)} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
END $$`,
  },
  {
    purpose: `${user} may log in`,
    sql: `ALTER ROLE ${quoteIdentifier(user)} LOGIN${password === null ? '' : ` PASSWORD ${quoteLiteral(password)}`}`,
  },
];

const rows = 'SELECT, INSERT, UPDATE, DELETE';

/** What the owner of the tables grants the app, by himself; part of `roleStatements`. Names are quoted already. */
export const tablePrivileges = (migrator: string, app: string): RoleStatement[] => {
  const future = (schema: string) => `ALTER DEFAULT PRIVILEGES FOR ROLE ${migrator} IN SCHEMA ${schema}`;
  return [
    {
      purpose: 'rows of the tables there are',
      sql: `GRANT ${rows} ON ALL TABLES IN SCHEMA public TO ${app}`,
    },
    {
      purpose: 'but not their structure',
      sql: `REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public FROM ${app}`,
    },
    { purpose: 'sequences there are', sql: `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${app}` },
    { purpose: 'rows of tables to come', sql: `${future('public')} GRANT ${rows} ON TABLES TO ${app}` },
    { purpose: 'sequences to come', sql: `${future('public')} GRANT USAGE ON SEQUENCES TO ${app}` },
    { purpose: 'the journal, to read', sql: `GRANT USAGE ON SCHEMA drizzle TO ${app}` },
    { purpose: 'the journal there is', sql: `GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO ${app}` },
    { purpose: 'the journal to come', sql: `${future('drizzle')} GRANT SELECT ON TABLES TO ${app}` },
  ];
};

// With standard_conforming_strings a backslash means itself, unless the literal starts with E.
const quoteLiteral = (text: string) => `'${text.replaceAll("'", "''")}'`;

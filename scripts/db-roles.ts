import { CliError, runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { dataDirectory, readVariables } from './program/project.ts';
import { isLoopback, localPostgresUrl, placeOf, readRole } from './stack/database-plan.ts';
import { openLocalDatabase } from './stack/local-database.ts';
import { applyRoles, type RoleCredentials, type Roles, roleStatements } from './stack/roles.ts';

const usage = `npm run db:roles [-- --url postgres://admin:password@host/database] [--dry-run]
  Makes the two roles: the migrator, which owns the tables, and the app, which reads and writes rows.
Without --url: ADMIN_DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

const options = { url: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } } as const;

runProgram(async () => {
  const { url: given, 'dry-run': isDryRun } = readOptions(options, usage);
  const url = requirePostgresUrl(given) ?? (process.env.ADMIN_DATABASE_URL || localPostgresUrl());
  if (url && !URL.canParse(url))
    throw new CliError('The connection string of the administrator is not a URL.');
  const variables = readVariables();
  const roles = { migrator: readRole(variables, 'migrator'), app: readRole(variables, 'app') };
  if (roles.app.user === roles.migrator.user) {
    throw new CliError(
      `DATABASE_URL and MIGRATIONS_DATABASE_URL name the same role, "${roles.app.user}": the app must not be able to change the schema.`,
    );
  }
  if (url) requirePasswords(url, Object.values(roles));
  const place = url ? placeOf(url) : 'the embedded database';
  if (isDryRun) {
    console.log(`-- Would be done in ${place}:`);
    const database = url ? decodeURIComponent(new URL(url).pathname.slice(1)) : 'postgres';
    const shown = { migrator: withoutPassword(roles.migrator), app: withoutPassword(roles.app) };
    for (const { purpose, sql } of roleStatements(shown, database)) console.log(`\n-- ${purpose}\n${sql};`);
    return;
  }
  const done = url ? await applyRoles(url, roles) : await applyEmbedded(roles);
  console.log([`Done in ${place}:`, ...done].join('\n  '));
});

/** A server needs a password for each login, and a default one would be known to everybody. */
const requirePasswords = (url: string, roles: readonly RoleCredentials[]) => {
  const lacking = roles.find(({ password }) => password === null);
  if (lacking === undefined || isLoopback(new URL(url).hostname)) return;
  throw new CliError(
    `No password for ${lacking.user}: set DATABASE_URL and MIGRATIONS_DATABASE_URL, or DB_APP_PASSWORD and DB_MIGRATOR_PASSWORD.`,
  );
};

const withoutPassword = ({ user, password }: RoleCredentials): RoleCredentials => ({
  user,
  password: password === null ? null : '[redacted]',
});

const applyEmbedded = async (roles: Roles) => {
  const database = await openLocalDatabase(dataDirectory());
  try {
    return await applyRoles(database.adminUrl, roles);
  } finally {
    await database.close();
  }
};

import { parseArgs } from 'node:util';
import { applyRoles } from './stack/apply-roles.ts';
import { CliError, runProgram } from './stack/cli-error.ts';
import { isLoopback, placeOf } from './stack/database-urls.ts';
import { openLocalDatabase } from './stack/local-database.ts';
import { dataDirectory, readVariables } from './stack/project.ts';
import { readRole } from './stack/role-credentials.ts';
import { type RoleCredentials, roleStatements } from './stack/roles.ts';

const usage = `npm run db:roles [-- --url postgres://admin:password@host/database] [--dry-run]
Without --url: ADMIN_DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

runProgram(async () => {
  const { url, dryRun } = readArguments();
  const variables = readVariables();
  const roles = { migrator: readRole(variables, 'migrator'), app: readRole(variables, 'app') };
  if (roles.app.user === roles.migrator.user) {
    throw new CliError(
      `DATABASE_URL and MIGRATIONS_DATABASE_URL name the same role, "${roles.app.user}": the app must not be able to change the schema.`,
    );
  }
  if (url !== null) requirePasswords(url, Object.values(roles));
  if (dryRun) return printPlan(url, roles);
  const done = url === null ? await applyEmbedded(roles) : await applyRoles(url, roles);
  console.log(`Done in ${named(url)}:`);
  for (const line of done) console.log(`  ${line}`);
});

const readArguments = () => {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, 'dry-run': { type: 'boolean' } } });
    const url = values.url || process.env.ADMIN_DATABASE_URL || process.env.LOCAL_POSTGRES_URL || null;
    if (url !== null && !URL.canParse(url))
      throw new CliError('The connection string of the administrator is not a URL.');
    return { url, dryRun: values['dry-run'] ?? false };
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`${(error as Error).message}\n\n${usage}`);
  }
};

/** A role that nobody can log in as is of no use on a server, and a password of our own making would be known. */
const requirePasswords = (url: string, roles: readonly RoleCredentials[]) => {
  if (isLoopback(new URL(url).hostname)) return;
  for (const { user, password } of roles) {
    if (password !== null) continue;
    throw new CliError(
      `No password for ${user}: set DATABASE_URL and MIGRATIONS_DATABASE_URL, or DB_APP_PASSWORD and DB_MIGRATOR_PASSWORD.`,
    );
  }
};

const printPlan = (
  url: string | null,
  { migrator, app }: { migrator: RoleCredentials; app: RoleCredentials },
) => {
  const redact = (role: RoleCredentials) => ({
    ...role,
    password: role.password === null ? null : '[redacted]',
  });
  const database = url === null ? 'postgres' : decodeURIComponent(new URL(url).pathname.slice(1));
  console.log(`-- Would be done in ${named(url)}:`);
  for (const { purpose, sql } of roleStatements({ migrator: redact(migrator), app: redact(app), database })) {
    console.log(`\n-- ${purpose}\n${sql};`);
  }
};

const applyEmbedded = async (roles: { migrator: RoleCredentials; app: RoleCredentials }) => {
  const database = await openLocalDatabase(dataDirectory());
  try {
    return await applyRoles(database.adminUrl, roles);
  } finally {
    await database.close();
  }
};

const named = (url: string | null) => (url === null ? 'the embedded database' : placeOf(url));

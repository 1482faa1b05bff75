import { parseArgs } from 'node:util';
import { parsePostgresUrl } from '../src/config/postgres-url.ts';
import { resolveVariables } from '../src/config/resolve.ts';
import { applyRoles } from './stack/apply-roles.ts';
import { isLoopback, localRoles } from './stack/database-urls.ts';
import { openLocalDatabase } from './stack/local-database.ts';
import { dataDirectory, readVariables, type Variables } from './stack/project.ts';
import { type RoleCredentials, roleStatements } from './stack/roles.ts';
import { runProgram, Sentence } from './stack/sentence.ts';

const usage = `npm run db:roles [-- --url postgres://admin:password@host/database] [--dry-run]
Without --url: ADMIN_DATABASE_URL, else LOCAL_POSTGRES_URL, else the embedded database.`;

runProgram(async () => {
  const { url, dryRun } = readArguments();
  const variables = readVariables();
  const roles = { migrator: readRole(variables, 'migrator'), app: readRole(variables, 'app') };
  if (roles.app.user === roles.migrator.user) {
    throw new Sentence(
      `DATABASE_URL and MIGRATIONS_DATABASE_URL name the same role, "${roles.app.user}": the app must not be able to change the schema.`,
    );
  }
  if (url !== null) requirePasswords(url, Object.values(roles));
  if (dryRun) return printPlan(url, roles);
  const done = url === null ? await applyEmbedded(roles) : await applyRoles(url, roles);
  console.log(`Done in ${placeOf(url)}:`);
  for (const line of done) console.log(`  ${line}`);
});

const readArguments = () => {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, 'dry-run': { type: 'boolean' } } });
    const url = values.url || process.env.ADMIN_DATABASE_URL || process.env.LOCAL_POSTGRES_URL || null;
    if (url !== null && !URL.canParse(url))
      throw new Sentence('The connection string of the administrator is not a URL.');
    return { url, dryRun: values['dry-run'] ?? false };
  } catch (error) {
    throw error instanceof Sentence ? error : new Sentence(`${(error as Error).message}\n\n${usage}`);
  }
};

const sources = {
  app: { url: 'DATABASE_URL', user: 'DB_APP_USER', password: 'DB_APP_PASSWORD' },
  migrator: { url: 'MIGRATIONS_DATABASE_URL', user: 'DB_MIGRATOR_USER', password: 'DB_MIGRATOR_PASSWORD' },
} as const;

/** Name and password as the Worker and drizzle-kit will log in with them. */
const readRole = (variables: Variables, role: keyof typeof sources): RoleCredentials => {
  const { given } = resolveVariables(variables);
  const names = sources[role];
  const text = given.get(names.url)?.text;
  if (text === undefined) {
    const user = given.get(names.user)?.text ?? localRoles[role].user;
    return { user, password: given.get(names.password)?.text ?? null };
  }
  const parsed = parsePostgresUrl(text);
  if ('detail' in parsed) throw new Sentence(`${names.url} ${parsed.detail}`);
  return { user: parsed.user, password: decodeURIComponent(new URL(parsed.url.reveal()).password) };
};

/** A role that nobody can log in as is of no use on a server, and a password of our own making would be known. */
const requirePasswords = (url: string, roles: readonly RoleCredentials[]) => {
  if (isLoopback(new URL(url).hostname)) return;
  for (const { user, password } of roles) {
    if (password !== null) continue;
    throw new Sentence(
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
  console.log(`-- Would be done in ${placeOf(url)}:`);
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

const placeOf = (url: string | null) => {
  if (url === null) return 'the embedded database';
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
};

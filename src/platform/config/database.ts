import { buildPostgresUrl, isEncryptedMode, type PostgresUrl, parsePostgresUrl } from './postgres-url.ts';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import type { VariableName } from './variables.ts';

export type DatabaseConfig = {
  /** Always `postgres://user:password@host/database`, whatever spelling was given. */
  readonly url: Secret;
  /** Where the driver sends its HTTP requests; null: where it sends them by itself. */
  readonly endpoint: string | null;
};

/** The database that `npm run dev` starts, as the app role. Its host name leads nowhere else. */
export const embeddedDatabaseUrl = 'postgres://itsor_app:itsor_app@embedded.localhost/itsor';
const embeddedUser = 'itsor_app';

/** A connection string and the variable that a complaint about it names. */
type Found = PostgresUrl & { readonly sslVariable: VariableName };

const form = 'postgres://user:password@host/database?sslmode=require';

const partNames = ['DB_HOST', 'DB_NAME', 'DB_APP_USER', 'DB_APP_PASSWORD'] as const;

const urlFromParts = (settings: Settings): PostgresUrl | undefined => {
  const { DB_HOST: host, DB_NAME: name, DB_APP_USER: user, DB_APP_PASSWORD: secret } = settings;
  if (!host || !name || !user || !secret) return undefined;
  const { DB_PORT: port, DB_SSLMODE: sslMode } = settings;
  const url = buildPostgresUrl({ host, port, name, user, password: secret.reveal(), sslMode });
  return { url: new Secret(url), user, sslModes: [sslMode] };
};

const findUrl = (settings: Settings, { strict, given, problem, warning }: Scope): Found | undefined => {
  const direct = given.get('DATABASE_URL');
  const built = urlFromParts(settings);

  if (direct) {
    const parsed = parsePostgresUrl(direct.text);
    if ('detail' in parsed) return void problem('DATABASE_URL', parsed.detail);
    const same = !built || built.url.reveal() === parsed.url.reveal();
    if (!same) warning('DB_HOST', `and the other DB_* parts differ from ${direct.source}, which is used`);
    return { ...parsed, sslVariable: 'DATABASE_URL' };
  }

  if (built) return { ...built, sslVariable: 'DB_SSLMODE' };

  if (partNames.some((name) => given.has(name))) {
    for (const name of partNames) {
      if (!given.has(name)) problem(name, 'is needed to build DATABASE_URL from the DB_* parts');
    }
    return undefined;
  }

  if (strict) problem('DATABASE_URL', `is required: ${form}, or the DB_* parts`);
  return undefined;
};

const requireEncryption = ({ sslModes, sslVariable }: Found, { problem }: Scope): void => {
  if (sslModes.length === 0) {
    problem('DATABASE_URL', 'must say sslmode: append ?sslmode=require (or &sslmode=require)');
  } else if (!sslModes.every(isEncryptedMode)) {
    problem(sslVariable, 'must have an sslmode of require, verify-ca or verify-full');
  }
};

/** The Worker runs as a role without DDL; whoever gives it the migrator's key undoes that. */
const refuseMigratorRole = (appUser: string, { strict, given, problem }: Scope): void => {
  const migrations = given.get('MIGRATIONS_DATABASE_URL');
  const forScripts = 'is for migrations only and must not be given to the Worker';
  if (strict) {
    for (const name of ['MIGRATIONS_DATABASE_URL', 'DB_MIGRATOR_USER', 'DB_MIGRATOR_PASSWORD'] as const) {
      if (given.has(name)) problem(name, forScripts);
    }
    return;
  }

  const sameUser = 'must not name the same user as the app does: migrations have a role of their own';
  if (given.get('DB_MIGRATOR_USER')?.text === appUser) problem('DB_MIGRATOR_USER', sameUser);
  if (!migrations) return;
  const parsed = parsePostgresUrl(migrations.text);
  if ('detail' in parsed) problem('MIGRATIONS_DATABASE_URL', parsed.detail);
  else if (parsed.user === appUser) problem('MIGRATIONS_DATABASE_URL', sameUser);
};

export const readDatabase = (settings: Settings, scope: Scope): DatabaseConfig => {
  const { strict, given, problem } = scope;
  if (given.has('DB_USER')) problem('DB_USER', 'is no longer read: set DB_APP_USER and DB_MIGRATOR_USER');
  if (given.has('DB_PASSWORD')) {
    problem('DB_PASSWORD', 'is no longer read: set DB_APP_PASSWORD and DB_MIGRATOR_PASSWORD');
  }

  const found = findUrl(settings, scope);
  if (found && strict) requireEncryption(found, scope);
  refuseMigratorRole(found?.user ?? embeddedUser, scope);

  const endpoint = settings.NEON_HTTP_ENDPOINT ?? null;
  if (strict && endpoint?.startsWith('http:')) problem('NEON_HTTP_ENDPOINT', 'must be an https URL');
  return { url: found?.url ?? new Secret(embeddedDatabaseUrl), endpoint };
};

import { requireEach, type Scope } from './resolve.ts';
import { Secret } from './secret.ts';
import { percentDecode } from './values.ts';
import { sslModes, type VariableName } from './variables.ts';

export type DatabaseConfig = {
  /** Always `postgres://user:password@host/database`, whatever spelling was given. */
  readonly url: Secret;
  /** The address of the driver's HTTP requests; null: the driver's own choice. */
  readonly endpoint: string | null;
};

/** The database that `npm run dev` starts, as the app role. Its host name leads nowhere else. */
export const embeddedDatabaseUrl = 'postgres://itsor_app:itsor_app@embedded.localhost/itsor';
const embeddedUser = 'itsor_app';

type PostgresUrl = {
  readonly url: Secret;
  readonly user: string;
  readonly sslModes: readonly string[];
};

/** SQLAlchemy's driver names included. */
const scheme = /^postgres(?:ql)?(?:\+(?:psycopg2?|asyncpg))?:/i;

/**
 * Whether a character of the user name or password has ended the host early: a password `p@ss/word` leads to the host
 * `ss`, and a message about that host would tell a piece of it. No part after the host has an @, or a #, of its own.
 */
export const hasUnencodedPassword = ({ pathname, search, hash }: URL): boolean =>
  hash !== '' || `${pathname}${search}`.includes('@');

/** A complaint about such a string, which quotes no part of it. */
export const unencodedPassword =
  'has one of @ / ? # : in the user name or password, which must be percent-encoded there (@ is %40, / is %2F)';

/** Reads a connection string, or says what is wrong with it. */
export const parsePostgresUrl = (given: string): PostgresUrl | { readonly detail: string } => {
  if (/^(sqlite|file)/i.test(given)) {
    return {
      detail:
        'is SQLite, which cannot be used: a Worker has no file system and Itsor needs PostgreSQL (postgres://…)',
    };
  }
  if (!scheme.test(given)) return { detail: 'must begin with postgres:// or postgresql://' };

  const normalised = given.replace(scheme, 'postgres:');
  const url = URL.parse(normalised);
  const user = percentDecode(url?.username ?? '');
  if (!url || [user, ...[url.password, url.pathname].map(percentDecode)].includes(undefined)) {
    return { detail: 'is not a URL; percent-encode @ : / ? # % in the user name and password' };
  }
  if (hasUnencodedPassword(url)) return { detail: unencodedPassword };
  if (!user || !url.password || !url.hostname || url.pathname.length < 2) {
    return { detail: 'must have the form postgres://user:password@host/database' };
  }

  const modes = url.searchParams.getAll('sslmode');
  if (!modes.every((mode) => (sslModes as readonly string[]).includes(mode))) {
    return { detail: `must have an sslmode of ${sslModes.join(', ')}` };
  }
  return { url: new Secret(normalised), user, sslModes: modes };
};

type Parts = { host: string; port: number; name: string; user: string; password: string; sslMode: string };

/** @throws URIError when a part is not well-formed Unicode; `readText` lets none of those through. */
export const buildPostgresUrl = ({ host, port, name, user, password, sslMode }: Parts): string => {
  const [userPart, passwordPart, namePart] = [user, password, name].map(encodeURIComponent);
  const hostPart = /^[^[].*:/.test(host) ? `[${host}]` : host;
  return `postgres://${userPart}:${passwordPart}@${hostPart}:${port}/${namePart}?sslmode=${sslMode}`;
};

/** A connection string and the variable that a complaint about its sslmode names. */
type Found = PostgresUrl & { readonly sslVariable: VariableName };

const partNames = ['DB_HOST', 'DB_NAME', 'DB_APP_USER', 'DB_APP_PASSWORD'] as const;

const urlFromParts = ({ settings }: Scope): Found | undefined => {
  const { DB_HOST: host, DB_NAME: name, DB_APP_USER: user, DB_APP_PASSWORD: secret } = settings;
  if (!host || !name || !user || !secret) return undefined;
  const { DB_PORT: port, DB_SSLMODE: sslMode } = settings;
  const url = buildPostgresUrl({ host, port, name, user, password: secret.reveal(), sslMode });
  return { url: new Secret(url), user, sslModes: [sslMode], sslVariable: 'DB_SSLMODE' };
};

const findUrl = (scope: Scope): Found | undefined => {
  const { strict, given, problem, warning } = scope;
  const direct = given.get('DATABASE_URL');
  const built = urlFromParts(scope);

  if (direct) {
    const parsed = parsePostgresUrl(direct.text);
    if ('detail' in parsed) return void problem('DATABASE_URL', parsed.detail);
    const same = !built || built.url.reveal() === parsed.url.reveal();
    if (!same) warning('DB_HOST', `and the other DB_* parts differ from ${direct.source}, which is used`);
    return { ...parsed, sslVariable: 'DATABASE_URL' };
  }
  if (built) return built;

  if (partNames.some((name) => given.has(name))) {
    requireEach(scope, 'is needed to build DATABASE_URL from the DB_* parts', partNames);
  } else if (strict) {
    const form = 'postgres://user:password@host/database?sslmode=require';
    problem('DATABASE_URL', `is required: ${form}, or the DB_* parts`);
  }
  return undefined;
};

const requireEncryption = (found: Found, { problem }: Scope): void => {
  if (found.sslModes.length === 0) {
    problem('DATABASE_URL', 'must say sslmode: append ?sslmode=require (or &sslmode=require)');
  } else if (!found.sslModes.every((mode) => /^(require|verify-ca|verify-full)$/.test(mode))) {
    problem(found.sslVariable, 'must have an sslmode of require, verify-ca or verify-full');
  }
};

/** The Worker runs as a role that cannot change tables; the migrator's credentials would undo that. */
const refuseMigratorRole = (appUser: string, { strict, given, problem }: Scope): void => {
  if (strict) {
    for (const name of ['MIGRATIONS_DATABASE_URL', 'DB_MIGRATOR_USER', 'DB_MIGRATOR_PASSWORD'] as const) {
      if (given.has(name)) problem(name, 'is for migrations only and must not be given to the Worker');
    }
    return;
  }

  const sameUser = 'must not name the same user as the app does: migrations have a role of their own';
  if (given.get('DB_MIGRATOR_USER')?.text === appUser) problem('DB_MIGRATOR_USER', sameUser);
  const migrations = given.get('MIGRATIONS_DATABASE_URL');
  if (!migrations) return;
  const parsed = parsePostgresUrl(migrations.text);
  if ('detail' in parsed) problem('MIGRATIONS_DATABASE_URL', parsed.detail);
  else if (parsed.user === appUser) problem('MIGRATIONS_DATABASE_URL', sameUser);
};

export const readDatabase = (scope: Scope): DatabaseConfig => {
  const { strict, settings, problem } = scope;
  const found = findUrl(scope);
  if (found && strict) requireEncryption(found, scope);
  refuseMigratorRole(found?.user ?? embeddedUser, scope);

  const endpoint = settings.NEON_HTTP_ENDPOINT ?? null;
  if (strict && endpoint?.startsWith('http:')) problem('NEON_HTTP_ENDPOINT', 'must be an https URL');
  return { url: found?.url ?? new Secret(embeddedDatabaseUrl), endpoint };
};

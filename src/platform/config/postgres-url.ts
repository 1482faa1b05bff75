import { Secret } from './secret.ts';

export type PostgresUrl = {
  readonly url: Secret;
  readonly user: string;
  readonly sslModes: readonly string[];
};

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** The modes of libpq under which a connection never goes without TLS. */
export const isEncryptedMode = (mode: string): boolean =>
  ['require', 'verify-ca', 'verify-full'].includes(mode);

const scheme = /^([a-z][a-z0-9.-]*)(?:\+([a-z0-9]+))?:/i;
const dialects: readonly string[] = ['postgres', 'postgresql'];
const drivers: readonly (string | undefined)[] = [undefined, 'psycopg', 'psycopg2', 'asyncpg'];

const decodes = (part: string): boolean => {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
};

/** Reads a connection string, SQLAlchemy's driver names included, or says what is wrong with it. */
export const parsePostgresUrl = (given: string): PostgresUrl | { readonly detail: string } => {
  const [prefix = '', dialect = '', driver] = scheme.exec(given) ?? [];
  if (/^(sqlite|file)/i.test(given)) {
    return {
      detail:
        'is SQLite, which cannot be used: a Worker has no file system and Itsor needs PostgreSQL (postgres://…)',
    };
  }
  if (!dialects.includes(dialect.toLowerCase()) || !drivers.includes(driver?.toLowerCase())) {
    return { detail: 'must begin with postgres:// or postgresql://' };
  }

  const normalised = `postgres:${given.slice(prefix.length)}`;
  const url = URL.parse(normalised);
  if (!url || ![url.username, url.password, url.pathname].every(decodes)) {
    return { detail: 'is not a URL; percent-encode @ : / ? # % in the user name and password' };
  }
  if (!url.username || !url.password || !url.hostname || url.pathname.length < 2) {
    return { detail: 'must have the form postgres://user:password@host/database' };
  }

  const modes = url.searchParams.getAll('sslmode');
  if (!modes.every((mode) => (sslModes as readonly string[]).includes(mode))) {
    return { detail: `must have an sslmode of ${sslModes.join(', ')}` };
  }
  return { url: new Secret(normalised), user: decodeURIComponent(url.username), sslModes: modes };
};

type Parts = { host: string; port: number; name: string; user: string; password: string; sslMode: string };

/** @throws URIError when a part is not well-formed Unicode; `readText` lets none of those through. */
export const buildPostgresUrl = ({ host, port, name, user, password, sslMode }: Parts): string => {
  const [userPart, passwordPart, namePart] = [user, password, name].map(encodeURIComponent);
  const hostPart = /^[^[].*:/.test(host) ? `[${host}]` : host;
  return `postgres://${userPart}:${passwordPart}@${hostPart}:${port}/${namePart}?sslmode=${sslMode}`;
};

import {
  buildPostgresUrl,
  hasUnencodedPassword,
  parsePostgresUrl,
  unencodedPassword,
} from '../../src/platform/config/database.ts';
import { type Given, readEnvironment, resolveVariables } from '../../src/platform/config/resolve.ts';
import type { VariableName } from '../../src/platform/config/variables.ts';
import { CliError } from '../program/cli.ts';
import { isPostgresUrl } from '../program/options.ts';
import { stackVariable, type Variables } from '../program/project.ts';
import type { RoleCredentials } from './roles.ts';

/**
 * The roles of a database on this machine. They get no password: the embedded database asks for none, and on a real
 * server the endpoint and the migrations become them by SET ROLE.
 */
export const localRoles = {
  migrator: { user: 'itsor_migrator', password: null },
  app: { user: 'itsor_app', password: null },
} as const;

/** The same login, which acts as another role from the start. The login must be a member of that role. */
export const actingAs = (url: string, role: string): string => {
  const acting = new URL(url);
  acting.searchParams.set('options', `-c role=${role}`);
  return acting.href;
};

export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/**
 * TLS with a certificate that is checked, unless the machine is this one or the string says `disable`. `pg` treats every
 * other mode the same today, and warns that it will change.
 */
export const encrypted = (url: string): string => {
  const server = new URL(url);
  if (isLoopback(server.hostname) || server.searchParams.get('sslmode') === 'disable') return url;
  server.searchParams.set('sslmode', 'verify-full');
  return server.href;
};

/** Host and database of a connection string, without its user name and password. */
export const placeOf = (url: string): string => {
  const { host, pathname } = new URL(url);
  return `${host}${decodeURIComponent(pathname)}`;
};

const localForm = 'it must read postgres://user:password@host/database.';

/**
 * The real PostgreSQL in place of the embedded one; null without it.
 *
 * @throws CliError, without the connection string: it may hold a password
 */
export const localPostgresUrl = (): string | null => {
  const given = stackVariable('LOCAL_POSTGRES_URL');
  if (given === null) return null;
  if (!isPostgresUrl(given)) throw new CliError(`LOCAL_POSTGRES_URL is no URL of PostgreSQL: ${localForm}`);
  if (hasUnencodedPassword(new URL(given))) throw new CliError(`LOCAL_POSTGRES_URL ${unencodedPassword}.`);
  if (new URL(given).pathname.length < 2)
    throw new CliError(`LOCAL_POSTGRES_URL names no database: ${localForm}`);
  return given;
};

/** The database behind the Worker, and so the part that the launcher has to start. */
export type DatabasePlan =
  /** The embedded database, or with `postgresUrl` a real one that the stack prepares as administrator. */
  | { readonly kind: 'local'; readonly postgresUrl: string | null }
  /** DATABASE_URL names a server on this machine, which has its roles and migrations already. */
  | { readonly kind: 'loopback'; readonly url: string; readonly host: string }
  /** DATABASE_URL names a server elsewhere, which speaks Neon's protocol itself. */
  | { readonly kind: 'remote'; readonly url: string; readonly host: string }
  /** NEON_HTTP_ENDPOINT names an endpoint that is running already. */
  | { readonly kind: 'endpoint'; readonly url: string }
  /** The Worker will refuse its variables, and explains it better than the launcher could. */
  | { readonly kind: 'none' };

/** Only a lenient environment without a database of its own is given one. */
export const planDatabase = (variables: Variables, localPostgresUrl: string | null): DatabasePlan => {
  const { given } = resolveVariables(variables);
  const endpoint = given.get('NEON_HTTP_ENDPOINT')?.text;
  const url = appUrl(given);
  const strict = readEnvironment(variables).strict;

  if (url === undefined) {
    if (strict || parts.some((name) => given.has(name))) return { kind: 'none' };
    return endpoint ? { kind: 'endpoint', url: endpoint } : { kind: 'local', postgresUrl: localPostgresUrl };
  }
  const parsed = parsePostgresUrl(url);
  if ('detail' in parsed) return { kind: 'none' };
  if (endpoint) return { kind: 'endpoint', url: endpoint };
  const server = new URL(parsed.url.reveal());
  if (strict || !isLoopback(server.hostname))
    return { kind: 'remote', url: parsed.url.reveal(), host: server.host };
  // A server on the same machine rarely has a certificate, and nothing leaves the machine.
  server.searchParams.delete('sslmode');
  return { kind: 'loopback', url: server.href, host: placeOf(server.href) };
};

type GivenVariables = ReadonlyMap<VariableName, Given>;

const parts = ['DB_HOST', 'DB_NAME', 'DB_APP_USER', 'DB_APP_PASSWORD'] as const;

const urlFromParts = (given: GivenVariables, role: 'APP' | 'MIGRATOR'): string | undefined => {
  const text = (name: VariableName) => given.get(name)?.text;
  const [host, name] = [text('DB_HOST'), text('DB_NAME')];
  const [user, password] = [text(`DB_${role}_USER`), text(`DB_${role}_PASSWORD`)];
  if (!host || !name || !user || !password) return undefined;
  const port = Number(text('DB_PORT') ?? 5432);
  const sslMode = text('DB_SSLMODE') ?? 'require';
  return buildPostgresUrl({ host, port, name, user, password, sslMode });
};

/** The app's connection string, given as a whole or in parts. */
export const appUrl = (given: GivenVariables): string | undefined =>
  given.get('DATABASE_URL')?.text ?? urlFromParts(given, 'APP');

/** The migrator's connection string, where it is given in parts. */
export const migratorUrlFromParts = (given: GivenVariables): string | undefined =>
  urlFromParts(given, 'MIGRATOR');

const requireParsed = (name: VariableName, text: string) => {
  const parsed = parsePostgresUrl(text);
  if ('detail' in parsed) throw new CliError(`${name} ${parsed.detail}`);
  return parsed;
};

/** The migrator's connection string, given as a whole or in parts; null without either. @throws CliError */
export const migratorUrl = (variables: Variables): string | null => {
  const { given } = resolveVariables(variables);
  const text = given.get('MIGRATIONS_DATABASE_URL')?.text ?? migratorUrlFromParts(given);
  return text === undefined ? null : requireParsed('MIGRATIONS_DATABASE_URL', text).url.reveal();
};

export const migratorNeeded = (): CliError =>
  new CliError(
    'MIGRATIONS_DATABASE_URL is needed beside DATABASE_URL: the same database as the migrator role.',
  );

const sources = {
  app: { url: 'DATABASE_URL', user: 'DB_APP_USER', password: 'DB_APP_PASSWORD' },
  migrator: { url: 'MIGRATIONS_DATABASE_URL', user: 'DB_MIGRATOR_USER', password: 'DB_MIGRATOR_PASSWORD' },
} as const;

/** The name and password that the Worker and drizzle-kit will log in with. @throws CliError */
export const readRole = (variables: Variables, role: keyof typeof sources): RoleCredentials => {
  const { given } = resolveVariables(variables);
  const text = (source: 'url' | 'user' | 'password') => given.get(sources[role][source])?.text;
  const url = text('url');
  if (url === undefined)
    return { user: text('user') ?? localRoles[role].user, password: text('password') ?? null };
  const parsed = requireParsed(sources[role].url, url);
  return { user: parsed.user, password: decodeURIComponent(new URL(parsed.url.reveal()).password) };
};

import { buildPostgresUrl, parsePostgresUrl } from '../../src/platform/config/database.ts';
import { type Given, readEnvironment, resolveVariables } from '../../src/platform/config/resolve.ts';
import type { VariableName } from '../../src/platform/config/variables.ts';
import { isLoopback } from './database-urls.ts';
import type { Variables } from './project.ts';

/** What stands behind the Worker, and so what the launcher has to start. */
export type DatabasePlan =
  /** The embedded database, or with `postgresUrl` a real one that the stack prepares as administrator. */
  | { readonly kind: 'local'; readonly postgresUrl: string | null }
  /** DATABASE_URL names a server on this machine, which somebody else prepares. */
  | { readonly kind: 'loopback'; readonly url: string; readonly host: string }
  /** DATABASE_URL names a server elsewhere, which speaks Neon's protocol itself. */
  | { readonly kind: 'remote'; readonly url: string; readonly host: string }
  /** NEON_HTTP_ENDPOINT names an endpoint that somebody else runs. */
  | { readonly kind: 'endpoint'; readonly url: string }
  /** The Worker will refuse what it is given, and says why better than the launcher could. */
  | { readonly kind: 'none' };

/** Only a lenient environment without a database of its own is given one. */
export const planDatabase = (variables: Variables, localPostgresUrl: string | null): DatabasePlan => {
  const { given } = resolveVariables(variables);
  const endpoint = given.get('NEON_HTTP_ENDPOINT')?.text;
  const url = appUrl(given);
  const strict = readEnvironment(variables).strict;

  if (url === undefined) {
    if (strict || hasParts(given)) return { kind: 'none' };
    return endpoint ? { kind: 'endpoint', url: endpoint } : { kind: 'local', postgresUrl: localPostgresUrl };
  }
  const parsed = parsePostgresUrl(url);
  if ('detail' in parsed) return { kind: 'none' };
  if (endpoint) return { kind: 'endpoint', url: endpoint };
  const server = new URL(parsed.url.reveal());
  if (strict || !isLoopback(server.hostname))
    return { kind: 'remote', url: parsed.url.reveal(), host: server.host };
  // Servers on one's own machine rarely have a certificate, and nothing leaves the machine.
  server.searchParams.delete('sslmode');
  return { kind: 'loopback', url: server.href, host: `${server.host}${server.pathname}` };
};

type GivenVariables = ReadonlyMap<VariableName, Given>;

const hasParts = (given: GivenVariables) =>
  (['DB_HOST', 'DB_NAME', 'DB_APP_USER', 'DB_APP_PASSWORD'] as const).some((name) => given.has(name));

const urlFromParts = (given: GivenVariables, role: 'APP' | 'MIGRATOR'): string | undefined => {
  const text = (name: VariableName) => given.get(name)?.text;
  const [host, name] = [text('DB_HOST'), text('DB_NAME')];
  const [user, password] = [text(`DB_${role}_USER`), text(`DB_${role}_PASSWORD`)];
  if (!host || !name || !user || !password) return undefined;
  const port = Number(text('DB_PORT') ?? 5432);
  const sslMode = text('DB_SSLMODE') ?? 'require';
  return buildPostgresUrl({ host, port, name, user, password, sslMode });
};

/** The app's connection string, as it was given or of the parts of one. */
export const appUrl = (given: GivenVariables): string | undefined =>
  given.get('DATABASE_URL')?.text ?? urlFromParts(given, 'APP');

/** The migrator's connection string, where the parts of one are given. */
export const migratorUrlFromParts = (given: GivenVariables): string | undefined =>
  urlFromParts(given, 'MIGRATOR');

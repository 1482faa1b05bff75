import { readEnvironment } from '../../src/config/environment.ts';
import { buildPostgresUrl, type PostgresUrl, parsePostgresUrl } from '../../src/config/postgres-url.ts';
import { type Given, resolveVariables } from '../../src/config/resolve.ts';
import { Secret } from '../../src/config/secret.ts';
import type { VariableName } from '../../src/config/variables.ts';
import { isLoopback } from './database-urls.ts';
import type { Variables } from './project.ts';

/** What stands behind the Worker, and so what the launcher has to start. */
export type DatabasePlan =
  /** The embedded database, or with `postgresUrl` a real one that the stack prepares as administrator. */
  | { readonly kind: 'local'; readonly postgresUrl: string | null }
  /** DATABASE_URL names a server on this machine, which somebody else prepares. */
  | { readonly kind: 'loopback'; readonly url: string; readonly host: string }
  /** DATABASE_URL names a server elsewhere, which speaks Neon's protocol itself. */
  | { readonly kind: 'remote'; readonly host: string }
  /** NEON_HTTP_ENDPOINT names an endpoint that somebody else runs. */
  | { readonly kind: 'endpoint'; readonly url: string }
  /** The Worker will refuse what it is given, and says why better than the launcher could. */
  | { readonly kind: 'none' };

/** Only a lenient environment without a database of its own is given one. */
export const planDatabase = (variables: Variables, localPostgresUrl: string | null): DatabasePlan => {
  const { given } = resolveVariables(variables);
  const endpoint = given.get('NEON_HTTP_ENDPOINT')?.text;
  const url = given.get('DATABASE_URL')?.text ?? urlFromParts(given)?.url.reveal();
  const strict = readEnvironment(variables).strict;

  if (url === undefined) {
    if (strict || hasParts(given)) return { kind: 'none' };
    return endpoint ? { kind: 'endpoint', url: endpoint } : { kind: 'local', postgresUrl: localPostgresUrl };
  }
  const parsed = parsePostgresUrl(url);
  if ('detail' in parsed) return { kind: 'none' };
  if (endpoint) return { kind: 'endpoint', url: endpoint };
  const server = new URL(parsed.url.reveal());
  if (strict || !isLoopback(server.hostname)) return { kind: 'remote', host: server.host };
  // Servers on one's own machine rarely have a certificate, and nothing leaves the machine.
  server.searchParams.delete('sslmode');
  return { kind: 'loopback', url: server.href, host: `${server.host}${server.pathname}` };
};

const partNames = ['DB_HOST', 'DB_NAME', 'DB_APP_USER', 'DB_APP_PASSWORD'] as const;

const hasParts = (given: ReadonlyMap<VariableName, Given>) => partNames.some((name) => given.has(name));

const urlFromParts = (given: ReadonlyMap<VariableName, Given>): PostgresUrl | undefined => {
  const [host, name, user, password] = partNames.map((part) => given.get(part)?.text);
  if (!host || !name || !user || !password) return undefined;
  const port = Number(given.get('DB_PORT')?.text ?? 5432);
  return buildPostgresUrl({
    host,
    port,
    name,
    user,
    password: new Secret(password),
    sslMode: given.get('DB_SSLMODE')?.text ?? 'require',
  });
};

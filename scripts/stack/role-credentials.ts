import { parsePostgresUrl } from '../../src/platform/config/database.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { CliError } from './cli-error.ts';
import { localRoles } from './database-urls.ts';
import type { Variables } from './project.ts';
import type { RoleCredentials } from './roles.ts';

const sources = {
  app: { url: 'DATABASE_URL', user: 'DB_APP_USER', password: 'DB_APP_PASSWORD' },
  migrator: { url: 'MIGRATIONS_DATABASE_URL', user: 'DB_MIGRATOR_USER', password: 'DB_MIGRATOR_PASSWORD' },
} as const;

/** Name and password as the Worker and drizzle-kit will log in with them. */
export const readRole = (variables: Variables, role: keyof typeof sources): RoleCredentials => {
  const { given } = resolveVariables(variables);
  const names = sources[role];
  const text = given.get(names.url)?.text;
  if (text === undefined) {
    const user = given.get(names.user)?.text ?? localRoles[role].user;
    return { user, password: given.get(names.password)?.text ?? null };
  }
  const parsed = parsePostgresUrl(text);
  if ('detail' in parsed) throw new CliError(`${names.url} ${parsed.detail}`);
  return { user: parsed.user, password: decodeURIComponent(new URL(parsed.url.reveal()).password) };
};

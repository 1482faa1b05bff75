import { readEnvironment } from '../../src/platform/config/resolve.ts';
import { environmentOf } from '../program/child.ts';
import type { Variables } from '../program/project.ts';
import { migratorNeeded, migratorUrl } from '../stack/database-plan.ts';

/**
 * The environment of drizzle-kit: the one URL that was looked at, and nothing of `.dev.vars`, which drizzle-kit reads too.
 * @throws CliError where a strict environment names no database, or not well
 */
export const migrationEnvironment = (variables: Variables): NodeJS.ProcessEnv => {
  const url = migratorUrl(variables);
  if (url === null && readEnvironment(variables).strict) throw migratorNeeded();
  return environmentOf({
    ...variables,
    MIGRATIONS_DATABASE_URL: url ?? '',
    LOCAL_POSTGRES_URL: process.env.LOCAL_POSTGRES_URL ?? '',
  });
};

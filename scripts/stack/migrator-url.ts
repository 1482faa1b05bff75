import { parsePostgresUrl } from '../../src/platform/config/database.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { CliError } from './cli-error.ts';
import { migratorUrlFromParts } from './database-plan.ts';
import type { Variables } from './project.ts';

/** The migrator's connection string, as it was given or of the parts of one; null for neither. @throws CliError */
export const migratorUrl = (variables: Variables): string | null => {
  const { given } = resolveVariables(variables);
  const text = given.get('MIGRATIONS_DATABASE_URL')?.text ?? migratorUrlFromParts(given);
  if (text === undefined) return null;
  const parsed = parsePostgresUrl(text);
  if ('detail' in parsed) throw new CliError(`MIGRATIONS_DATABASE_URL ${parsed.detail}`);
  return parsed.url.reveal();
};

export const migratorNeeded = (): CliError =>
  new CliError(
    'MIGRATIONS_DATABASE_URL is needed beside DATABASE_URL: the same database as the migrator role.',
  );

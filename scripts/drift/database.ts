import type { Client } from 'pg';
import { type Finding, failure, ok } from '../doctor/report.ts';
import { appliedMigrations } from '../recovery/migrations.ts';
import { localRoles } from '../stack/database-plan.ts';
import { openEmbeddedDatabase } from '../stack/embedded-database.ts';
import {
  applyMigrations,
  forkMigrations,
  type MigrationSet,
  ourMigrations,
  readMigrations,
  withClient,
} from '../stack/postgres.ts';
import { applyRoles } from '../stack/roles.ts';
import { type Catalogue, type RoleNames, readCatalogue } from './catalogue.ts';

/** The catalogue of an empty database after the roles and migrations of this code. */
const readExpected = async (): Promise<Catalogue> => {
  const fresh = await openEmbeddedDatabase();
  try {
    await applyRoles(fresh.url(), localRoles);
    await applyMigrations(fresh.url(localRoles.migrator.user));
    const roles = { migrator: localRoles.migrator.user, app: localRoles.app.user };
    return await withClient(fresh.url(), (client) => readCatalogue(client, roles));
  } finally {
    await fresh.close();
  }
};

/** Every difference between a database and that catalogue. It writes nothing. */
export const findDatabaseDrift = async (
  client: Client,
  roles: RoleNames,
  place: string,
): Promise<Finding[]> => {
  const migrations = [
    ...compareMigrations(ourMigrations, await appliedMigrations(client)),
    ...compareMigrations(forkMigrations, await appliedMigrations(client, forkMigrations)),
  ];
  const [expected, actual] = [await readExpected(), await readCatalogue(client, roles)];
  const findings = [...migrations, ...compareCatalogues(expected, actual)];
  return findings.length > 0
    ? findings
    : [ok('database', `${expected.size} things in ${place} are as they should be`)];
};

const compareMigrations = (set: MigrationSet, applied: readonly string[]): Finding[] => {
  const [check, command] =
    set === forkMigrations ? ['migrations of the fork', 'fork:migrate'] : ['migrations', 'db:migrate'];
  const bundled = readMigrations(set);
  const missing = bundled.filter(({ hash }) => !applied.includes(hash)).length;
  const foreign = applied.filter((hash) => !bundled.some((migration) => migration.hash === hash)).length;
  return [
    ...(missing > 0
      ? [failure(check, `${missing} of ${bundled.length} are missing: npm run ${command}`)]
      : []),
    ...(foreign > 0 ? [failure(check, `${foreign} are none of this code`)] : []),
  ];
};

const oneLine = (text: string) => text.replace(/\s+/g, ' ');

const compareCatalogues = (expected: Catalogue, actual: Catalogue): Finding[] =>
  [...new Set([...expected.keys(), ...actual.keys()])].sort().flatMap((name) => {
    const [wanted, found] = [expected.get(name), actual.get(name)];
    if (wanted === found) return [];
    if (found === undefined) return [failure(name, wanted ? `missing: ${oneLine(wanted)}` : 'missing')];
    if (wanted === undefined)
      return [failure(name, found ? `not of the migrations: ${oneLine(found)}` : 'not of the migrations')];
    return [failure(name, `is ${oneLine(found) || 'without'}; should be ${oneLine(wanted) || 'without'}`)];
  });

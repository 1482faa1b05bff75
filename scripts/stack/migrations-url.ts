import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Client } from 'pg';
import { applyRoles } from './apply-roles.ts';
import { CliError, runProgram } from './cli-error.ts';
import { findLockHolder, type LockRecord } from './data-lock.ts';
import { planDatabase } from './database-plan.ts';
import { actingAs, localRoles, placeOf } from './database-urls.ts';
import { migratorNeeded, migratorUrl } from './migrator-url.ts';
import { dataDirectory, readVariables } from './project.ts';
import type { ServiceMessage } from './service-message.ts';

// node scripts/stack/migrations-url.ts <pid of drizzle-kit>
// Prints the connection string for migrations. An embedded database that is not running is started, and
// stays for as long as that process lives.
runProgram(async () => {
  const url = givenUrl() ?? (await localUrl());
  await requireConnection(url);
  console.log(url);
});

/** drizzle-kit says nothing when it cannot connect. */
const requireConnection = async (url: string): Promise<void> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
  } catch (error) {
    throw new CliError(`The database at ${placeOf(url)} cannot be reached: ${(error as Error).message}`);
  } finally {
    await client.end().catch(() => {});
  }
};

const givenUrl = (): string | null => {
  const variables = readVariables();
  const url = migratorUrl(variables);
  if (url !== null) return url;
  const plan = planDatabase(variables, null);
  if (plan.kind === 'local' || plan.kind === 'endpoint') return null;
  // The app's database is not the embedded one, so neither is the one that wants the migrations.
  throw migratorNeeded();
};

const localUrl = async (): Promise<string> => {
  const postgresUrl = process.env.LOCAL_POSTGRES_URL;
  if (postgresUrl) {
    await applyRoles(postgresUrl, localRoles);
    return actingAs(postgresUrl, localRoles.migrator.user);
  }
  const port = (await findLockHolder(dataDirectory()))?.wirePort ?? (await startInBackground());
  return `postgres://${localRoles.migrator.user}@127.0.0.1:${port}/postgres`;
};

const startInBackground = async (): Promise<LockRecord['wirePort']> => {
  const child = fork(new URL('./serve-wire.ts', import.meta.url), process.argv.slice(2), {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [
    ServiceMessage | number | null,
  ];
  child.disconnect();
  child.unref();
  if (typeof message !== 'object' || message?.kind !== 'listening') {
    throw new CliError('The embedded database did not start.');
  }
  return message.port;
};

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { CliError, runProgram } from '../program/cli.ts';
import { dataDirectory, readVariables } from '../program/project.ts';
import { findLockHolder } from './data-lock.ts';
import {
  actingAs,
  localPostgresUrl,
  localRoles,
  migratorNeeded,
  migratorUrl,
  placeOf,
  planDatabase,
} from './database-plan.ts';
import { withClient } from './postgres.ts';
import { applyRoles } from './roles.ts';
import type { ServiceMessage } from './service-process.ts';

// node scripts/stack/migrations-url.ts <pid of drizzle-kit>
// Prints the connection string for migrations. An embedded database that is not running is started, and stays for as long
// as that process lives.
runProgram(async () => {
  const url = givenUrl() ?? (await localUrl());
  // drizzle-kit says nothing when it cannot connect.
  await withClient(url, async () => {}).catch((error: Error) => {
    throw new CliError(`The database at ${placeOf(url)} cannot be reached: ${error.message}`);
  });
  console.log(url);
});

const givenUrl = (): string | null => {
  const variables = readVariables();
  const url = migratorUrl(variables);
  if (url !== null) return url;
  const plan = planDatabase(variables, null);
  if (plan.kind === 'local' || plan.kind === 'endpoint') return null;
  // The app's database is not the embedded one, so the migrations are for another one too.
  throw migratorNeeded();
};

const localUrl = async (): Promise<string> => {
  const postgresUrl = localPostgresUrl();
  if (postgresUrl !== null) {
    await applyRoles(postgresUrl, localRoles);
    return actingAs(postgresUrl, localRoles.migrator.user);
  }
  const port = (await findLockHolder(dataDirectory()))?.wirePort ?? (await startInBackground());
  return `postgres://${localRoles.migrator.user}@127.0.0.1:${port}/postgres`;
};

const startInBackground = async (): Promise<number> => {
  const program = new URL('./serve-endpoint.ts', import.meta.url);
  const child = fork(program, ['--wire-for', process.argv[2] ?? ''], {
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

import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import { AppError } from '../../src/platform/errors.ts';
import { databaseSentence } from '../admin/migrations-missing.ts';
import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { dataDirectory } from '../program/project.ts';
import { isRunning } from '../program/running.ts';
import { actingAs, localPostgresUrl, localRoles, placeOf } from './database-plan.ts';
import { openLocalDatabase } from './local-database.ts';
import { startNeonEndpoint } from './neon-endpoint.ts';
import { applyMigrations } from './postgres.ts';
import { applyRoles } from './roles.ts';
import { tellLauncher } from './service-process.ts';

const usage = `node scripts/stack/serve-endpoint.ts [--port N] [--leave-as-is] [--network-ms N]
  The database end of the local stack: Neon's SQL over HTTP in front of the embedded database, or of LOCAL_POSTGRES_URL,
  after its roles and migrations.
  --leave-as-is  applies no roles and no migrations to LOCAL_POSTGRES_URL
  --network-ms   adds that many milliseconds to each answer
  --wire-for     serves PostgreSQL's own protocol alone, for as long as the process with that id lives`;

const options = {
  port: { type: 'string', default: '0' },
  'leave-as-is': { type: 'boolean', default: false },
  'network-ms': { type: 'string', default: '0' },
  'wire-for': { type: 'string' },
} as const;

type Given = ReturnType<typeof readOptions<typeof options>>;

runProgram(async () => {
  const given = readOptions(options, usage);
  await (given['wire-for'] === undefined ? serveEndpoint(given) : serveWire(Number(given['wire-for'])));
  process.exit();
});

const serveEndpoint = async (given: Given): Promise<void> => {
  const stop = stopRequest();
  await using database = new AsyncDisposableStack();
  await using service = new AsyncDisposableStack();
  const databaseUrl = Promise.withResolvers<string>();
  // The port is taken at once; requests wait until the database is ready.
  const endpoint = await startNeonEndpoint({
    databaseUrl: databaseUrl.promise,
    port: Number(given.port),
    networkMs: Number(given['network-ms']),
  });
  service.defer(endpoint.close);
  tellLauncher({ kind: 'listening', port: endpoint.port });
  try {
    databaseUrl.resolve(await prepare(given, endpoint.port, database));
  } catch (error) {
    databaseUrl.reject(error);
    if (!process.connected) throw error;
    tellLauncher({ kind: 'failed', reason: (error as Error).message });
    process.exitCode = 1;
    return;
  }
  tellLauncher({ kind: 'ready' });
  if (!process.connected) console.log(`Neon endpoint at ${endpoint.url}`);
  await stop;
};

/** Opens the database and brings its roles and migrations up to date. @returns its connection string */
const prepare = async (given: Given, port: number, closing: AsyncDisposableStack): Promise<string> => {
  const server = localPostgresUrl();
  if (server !== null) {
    if (given['leave-as-is']) return server;
    await applyRoles(server, localRoles).catch((error: unknown) => {
      throw refusalOf(error, placeOf(server));
    });
    await applyMigrations(actingAs(server, localRoles.migrator.user));
    return server;
  }
  const launcher = process.connected ? process.ppid : undefined;
  const database = await openLocalDatabase(dataDirectory(), launcher);
  closing.defer(database.close);
  await applyMigrations(database.migratorUrl);
  await database.announce(port);
  return database.adminUrl;
};

const refusalOf = (error: unknown, place: string): unknown => {
  if (!(error instanceof DatabaseError))
    return databaseSentence(new AppError('service_unavailable', { cause: error }), place);
  if (error.code === '42501')
    return new CliError(
      `LOCAL_POSTGRES_URL must log in as an administrator, who may make roles in ${place}.`,
    );
  return databaseSentence(error, place);
};

const pollMs = 200;

const serveWire = async (user: number): Promise<void> => {
  const database = await openLocalDatabase(dataDirectory());
  tellLauncher({ kind: 'listening', port: database.wirePort });
  while (isRunning(user)) await sleep(pollMs);
  await database.close();
};

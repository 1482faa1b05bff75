import { styleText } from 'node:util';
import { type Finding, findingRows, skipped } from './doctor/report.ts';
import { findDatabaseDrift } from './drift/database.ts';
import { findWorkerDrift } from './drift/worker.ts';
import { runProgram } from './program/cli.ts';
import { readOptions, requirePostgresUrl } from './program/options.ts';
import { variablesOf } from './program/project.ts';
import { readRole } from './stack/database-plan.ts';
import { withOperatorDatabase } from './stack/operator-database.ts';

const usage = `npm run db:drift [-- --env production] [--url postgres://…] [--json]
  Compares a database with what the migrations and npm run db:roles make: tables, columns, indexes, constraints,
  functions, triggers, rights. With --env also the deployed Worker with wrangler.toml. It changes nothing.
  --env   the database of that environment: its variables of wrangler.toml, and this process's over them
  --json  for machines
Without --url: MIGRATIONS_DATABASE_URL, DATABASE_URL, LOCAL_POSTGRES_URL, or else the embedded database.
Exits 1 where there is drift, 2 where something that --env asks for could not be looked at.`;

const options = { env: { type: 'string' }, url: { type: 'string' }, json: { type: 'boolean' } } as const;

runProgram(async () => {
  const { env, url, json } = readOptions(options, usage);
  const variables = await variablesOf(env);
  const request = { url: requirePostgresUrl(url), variables, access: 'read' } as const;
  const roles = { migrator: readRole(variables, 'migrator').user, app: readRole(variables, 'app').user };
  const ofDatabase = await withOperatorDatabase(request, (client, { place }) => {
    console.error(`… comparing ${place} with a database that the migrations make`);
    return findDatabaseDrift(client, roles, place);
  });
  if (env !== undefined) console.error('… asking Cloudflare for the deployed Worker');
  const ofWorker =
    env === undefined ? [skipped('Worker', 'not asked for: --env names one')] : await findWorkerDrift(env);
  const findings = [...ofDatabase, ...ofWorker];
  const drift = findings.filter(({ level }) => level === 'failure').length;
  const unchecked = env === undefined ? 0 : findings.filter(({ level }) => level === 'skipped').length;
  console.log(
    json ? JSON.stringify({ drift, unchecked, findings }, null, 2) : render(findings, drift, unchecked),
  );
  process.exitCode = drift > 0 ? 1 : unchecked > 0 ? 2 : 0;
});

const render = (findings: readonly Finding[], drift: number, unchecked: number): string => {
  const end = drift > 0 ? styleText('red', `Drift: ${drift}`) : styleText('green', 'No drift');
  return [...findingRows(findings), '', unchecked > 0 ? `${end}; ${unchecked} not checked` : end].join('\n');
};

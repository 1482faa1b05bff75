import { parsePostgresUrl } from '../../src/platform/config/database.ts';
import { type LoadedConfig, loadConfig } from '../../src/platform/config/load.ts';
import { readEnvironment, resolveVariables } from '../../src/platform/config/resolve.ts';
import { runProgram } from '../program/cli.ts';
import { readOptions, readServiceUrl } from '../program/options.ts';
import { type Variables, variablesOf } from '../program/project.ts';
import { printableAll } from '../program/terminal.ts';
import { localPostgresUrl, migratorUrlFromParts, planDatabase } from '../stack/database-plan.ts';
import { inspectDatabase } from './database.ts';
import { inspectKeySet } from './key-set.ts';
import { inspectProviders } from './providers.ts';
import { countOf, type Finding, type Report, renderReport, skipped } from './report.ts';
import { inspectScanner } from './scanner.ts';
import { inspectService } from './service.ts';
import { inspectStorage } from './storage.ts';
import { inspectFlags, inspectNames, inspectVariables } from './variables.ts';

const usage = `npm run doctor [-- --env production] [--url https://…] [--json] [--all] [--before-migrate]
  --env   the environment's variables of wrangler.toml, and this process's over them, instead of .dev.vars
  --url   also asks the service there what it really sends
  --json  for machines: npm run -s doctor -- --json, or npm's own lines come first
  --all   also the variables that stand at their defaults
  --before-migrate  migrations that are missing are about to be applied`;

const options = {
  env: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  'before-migrate': { type: 'boolean', default: false },
} as const;

const migratorOf = (variables: Variables): string | null => {
  const { given } = resolveVariables(variables);
  const text = given.get('MIGRATIONS_DATABASE_URL')?.text ?? migratorUrlFromParts(given);
  if (text === undefined) return null;
  const parsed = parsePostgresUrl(text);
  return 'detail' in parsed ? null : parsed.user;
};

const checkDatabase = async (
  variables: Variables,
  loaded: LoadedConfig,
  beforeMigrate: boolean,
): Promise<Finding[]> => {
  const plan = planDatabase(variables, localPostgresUrl());
  if (plan.kind === 'local' || plan.kind === 'endpoint')
    return [skipped('database', 'the local stack has its own; npm run dev prepares it')];
  const database = loaded.ok ? loaded.config.database : loaded.database;
  if (database === null || plan.kind === 'none') return [skipped('database', 'its variables are not right')];
  return inspectDatabase(database.url.reveal(), migratorOf(variables), beforeMigrate);
};

const checkService = async (url: string | undefined, loaded: LoadedConfig): Promise<Finding[]> => {
  if (url === undefined) return [skipped('service', '--url asks one that runs')];
  if (!loaded.ok) return [skipped('service', 'the variables are not right')];
  const { cookies, environment, jwt, origins } = loaded.config;
  return inspectService(url, {
    strict: environment.strict,
    sameSite: cookies.sameSite,
    cookieNames: jwt.locations.cookie ? [cookies.sessionName, cookies.refreshName] : [],
    allowedOrigin: origins.allowed[0] ?? null,
  });
};

// Prints every variable and what is wrong with it, and looks at the database and the service where it can.
runProgram(async () => {
  const { env, url, json, all, 'before-migrate': beforeMigrate } = readOptions(options, usage);
  const serviceUrl = url === undefined ? url : readServiceUrl(url);
  const variables = await variablesOf(env);
  const { name, strict } = readEnvironment(variables);
  // The migrator's role is for a deployment, which has it beside the Worker's; the Worker is not given it.
  const {
    MIGRATIONS_DATABASE_URL: _,
    DB_MIGRATOR_USER: __,
    DB_MIGRATOR_PASSWORD: ___,
    ...ofWorker
  } = variables;
  const given = env === undefined ? variables : ofWorker;
  const loaded = loadConfig(given);
  const { lines, strays } = inspectVariables(given);
  // Some of these texts were written by a service, a database or the person who set a variable.
  const report: Report = printableAll({
    environment: env ?? name,
    strict,
    sources: `${env === undefined ? '.dev.vars' : `[env.${env}] of wrangler.toml`}, and this shell over it`,
    variables: lines,
    findings: [
      ...strays,
      ...(await inspectNames(env)),
      ...inspectFlags(new Date()),
      ...(await checkDatabase(variables, loaded, beforeMigrate)),
      ...(loaded.ok ? await inspectProviders(loaded.config.oidc.providers) : []),
      ...(loaded.ok ? await inspectStorage(loaded.config.uploads.storage) : []),
      ...(loaded.ok ? [await inspectKeySet(loaded.config.jwt, serviceUrl)] : []),
      ...(loaded.ok ? await inspectScanner(loaded.config.uploads.scanner) : []),
      ...(await checkService(serviceUrl, loaded)),
    ],
  });
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report, all));
  if (countOf(report, 'failure') > 0) process.exitCode = 1;
});

import { type ExecFileOptions, execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrationEnvironment } from './deploy/migrations.ts';
import { rollOut } from './deploy/roll-out.ts';
import { createVersions, type Versions } from './deploy/versions.ts';
import { CliError, interruption, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { projectDirectory, readWranglerConfig, wranglerVariables } from './program/project.ts';
import { forkMigrations, readMigrations } from './stack/postgres.ts';

const usage = `npm run deploy -- --env production --url https://… [--canary 10] [--settle 15]
  Doctor, migrations, upload; then the new version gets 0, some and 100 % of the requests, with a smoke test each time.
  When one fails, or at a Ctrl-C, the version of before gets all of them again; a second Ctrl-C ends it at once.
  --url     where the Worker answers
  --canary  percent of the requests in between
  --settle  seconds until a deployment is everywhere
Needs the variables of npm run doctor -- --env …, MIGRATIONS_DATABASE_URL and CLOUDFLARE_API_TOKEN. Exits 1 when the new
version does not have all requests, or its crons, routes and queue consumers.`;

const options = {
  env: { type: 'string' },
  url: { type: 'string' },
  canary: { type: 'string', default: '10' },
  settle: { type: 'string', default: '15' },
} as const;

runProgram(async () => {
  const { env, url, canary, settleMs } = readArguments();
  const tell = (line: string) => console.log(line);
  const worker = (await readWranglerConfig(env)).name ?? '';
  const migration = migrationEnvironment(await wranglerVariables(env));
  const versions = createVersions(env);

  await run('doctor', ['scripts/doctor/doctor.ts', '--env', env, '--before-migrate']);
  tell('✓ doctor');
  const stable = await versions.stable();
  tell(`✓ ${stable} is running`);
  await run('migrations', [drizzleKit, 'migrate'], { env: migration });
  if (readMigrations(forkMigrations).length > 0)
    await run('migrations of the fork', [drizzleKit, 'migrate', '--config', 'drizzle.fork.config.ts'], {
      env: migration,
    });
  tell('✓ migrations');
  const fresh = await versions.upload(process.env.GITHUB_SHA ?? 'by hand');
  tell(`✓ ${fresh} is uploaded`);
  const stop = interruption(() => `a deployment that npx wrangler deployments status --env ${env} tells`);
  const smoke = (version: string) =>
    run('smoke test', ['scripts/smoke.ts', '--url', url, '--version', version], { signal: stop });
  await rollOut({ versions, worker, stable, fresh, canary, settleMs, smoke, stop, tell });
  await deployTriggers(versions, env, fresh);
  tell('✓ crons, routes and queue consumers');
});

const drizzleKit = join('node_modules', 'drizzle-kit', 'bin.cjs');

const deployTriggers = async (versions: Versions, env: string, fresh: string): Promise<void> => {
  try {
    await versions.triggers();
  } catch (error) {
    throw new CliError(
      `${(error as Error).message}\n${fresh} has all requests; crons, routes and queue consumers may be those of before. Once more: npx wrangler triggers deploy --env ${env}`,
    );
  }
};

const readArguments = () => {
  const { env, url, canary, settle } = readOptions(options, usage);
  if (!env || !url) throw new CliError(`Which environment, and where? Give --env and --url.\n\n${usage}`);
  if (!/^https?:\/\//.test(url))
    throw new CliError('--url wants a URL that begins with http:// or https://.');
  if (!/^[1-9]\d?$/.test(canary)) throw new CliError('--canary wants a whole number from 1 to 99.');
  if (!/^\d{1,3}$/.test(settle)) throw new CliError('--settle wants a whole number of seconds.');
  return { env, url, canary: Number(canary), settleMs: Number(settle) * 1000 };
};

/** Runs one of the programs of this project. @throws CliError with its output when it fails */
const run = async (
  name: string,
  command: readonly string[],
  how: Pick<ExecFileOptions, 'env' | 'signal'> = {},
): Promise<void> => {
  try {
    await promisify(execFile)(process.execPath, command, { ...how, cwd: projectDirectory });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new CliError(`✗ ${name}\n${stdout}${stderr}`.trimEnd());
  }
};

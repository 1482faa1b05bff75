import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../src/platform/config/load.ts';
import { runWrangler, wranglerReason } from './program/child.ts';
import { CliError, interruption, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { type Variables, wranglerVariables } from './program/project.ts';
import { confirm } from './program/terminal.ts';
import {
  planReplacement,
  planRetirement,
  planRotation,
  type Rotatable,
  rotatable,
  type Secrets,
  type Step,
} from './secrets/rotation.ts';
import { envLines, withoutValues } from './secrets/values.ts';

const usage = `npm run secrets:rotate -- --env production --save FILE
  --env      the environment of wrangler.toml; the present secrets come from this program's environment
  --save     a new file that gets the new values, before anything is changed: put them where you keep secrets
  --only     JWT_SECRET or SECRET_KEY; both without it
  --dry-run  prints the names that each step changes, without a value, and changes nothing
  --leaked   the old values are void at once, and so is everything that they have signed; it asks, unless --yes is given
  --retire   takes the old values away, when nothing that they have signed is valid any more
  --wait     seconds between the steps, in which Cloudflare brings one everywhere (60)`;

const options = {
  env: { type: 'string' },
  save: { type: 'string' },
  only: { type: 'string', multiple: true },
  wait: { type: 'string', default: '60' },
  'dry-run': { type: 'boolean', default: false },
  leaked: { type: 'boolean', default: false },
  retire: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
} as const;

const says: Readonly<Record<Step['name'], string>> = {
  announce: 'every isolate accepts tokens of the new values',
  switch: 'every isolate signs with the new values',
  retire: 'no isolate accepts tokens of the old values',
};

const save = (file: string, secrets: Secrets): void => {
  const text = envLines(secrets);
  try {
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new CliError(`${file} cannot be written: ${(error as Error).message}. Nothing was changed.`);
  }
};

/** How to go on after a step that failed; whether wrangler was heard by Cloudflare is not known. */
const goOn = (env: string, step: Step['name'], isLeaked: boolean, file: string | undefined): string => {
  if (file === undefined)
    return 'It may have been applied all the same; run it again, with the same environment.';
  if (step === 'announce')
    return `It may have been applied all the same, and changes nothing that is signed: delete ${file}, and run it again.`;
  const old = isLeaked ? 'The old values may still be good, also for an attacker who knows them. ' : '';
  return `${old}The step may have been applied all the same. The new values are in ${file}; this completes it: npx wrangler secret bulk ${file} --env ${env}\nDo not run the rotation again with the old values in the environment.`;
};

const apply = async (env: string, { name, secrets }: Step, consequence: string): Promise<void> => {
  const run = await runWrangler(['secret', 'bulk', '--env', env], { input: JSON.stringify(secrets) });
  const values = Object.values(secrets).map((value) => value ?? '');
  if (run.status !== 0)
    throw new CliError(
      `wrangler did not take the step "${name}": ${withoutValues(wranglerReason(run), values)}\n${consequence}`,
    );
  console.log(`✓ ${name}: ${says[name]}`);
};

/** @throws CliError where the Worker would refuse to start after a step */
const check = (variables: Variables, steps: readonly Step[]): void => {
  let current: Record<string, string> = { ...variables };
  for (const { name, secrets } of steps) {
    const changes = Object.entries(secrets).map(([key, value]) => [key, value ?? '']);
    current = { ...current, ...Object.fromEntries(changes) };
    const loaded = loadConfig(current);
    const names = Object.keys(secrets);
    const problem = loaded.ok ? undefined : loaded.problems.find(({ variable }) => names.includes(variable));
    if (problem)
      throw new CliError(
        `After the step "${name}", ${problem.variable} ${problem.detail}. Nothing was changed.`,
      );
  }
};

const stepsOf = (
  { leaked, retire }: { leaked: boolean; retire: boolean },
  names: readonly Rotatable[],
  variables: Variables,
): readonly Step[] => {
  if (leaked && retire) throw new CliError('--leaked or --retire, not both.');
  if (leaked) return [planReplacement(names, variables)];
  if (retire) return [planRetirement(names, variables)];
  return planRotation(names, variables).filter(({ name }) => name !== 'retire');
};

const lifetimes = (variables: Variables): string => {
  const loaded = loadConfig(variables);
  const minutes = loaded.ok ? loaded.config.jwt.accessTtlSeconds / 60 : 60;
  const days = Math.max(loaded.ok ? loaded.config.session.refreshTtlSeconds / 86_400 : 7, 7);
  return [
    'Then take the old ones away, with --retire:',
    `  --only JWT_SECRET after ${minutes} minutes, when no access token is left that it has signed;`,
    `  --only SECRET_KEY after ${days} days, when no refresh token and no link in a mail is.`,
  ].join('\n');
};

/** A terminal and its log are no place for a secret: --save has one for the new values. */
const redacted = (value: string | null): string =>
  value ? `[redacted, ${Buffer.byteLength(value)} bytes]` : 'deleted';

runProgram(async () => {
  const { env, save: file, only, wait, 'dry-run': isDryRun, yes, ...how } = readOptions(options, usage);
  if (env === undefined) throw new CliError(`Which environment? Give --env.\n\n${usage}`);
  const stranger = only?.find((name) => !(rotatable as readonly string[]).includes(name));
  if (stranger !== undefined) throw new CliError(`--only knows ${rotatable.join(' and ')}, not ${stranger}.`);
  if (!/^\d{1,4}$/.test(wait)) throw new CliError('--wait is a number of seconds.');
  const names = rotatable.filter((name) => only?.includes(name) ?? true);
  const variables = await wranglerVariables(env);
  const steps = stepsOf(how, names, variables);
  check(variables, steps);

  if (isDryRun) {
    for (const { name, secrets } of steps) {
      console.log(`# ${name}: ${says[name]}`);
      for (const [key, value] of Object.entries(secrets)) console.log(`${key}: ${redacted(value)}`);
    }
    return;
  }
  if (how.leaked && !yes)
    await confirm(`Everything that the present ${names.join(' and ')} of ${env} has signed will be void.`);
  if (!how.retire) {
    if (file === undefined) throw new CliError('--save FILE is needed: Cloudflare gives no secret back.');
    save(file, steps.at(-1)?.secrets ?? {});
  }
  const stop = interruption(() => 'a step that may have been applied (docs/runbooks/secret-rotation.md)');
  for (const [at, step] of steps.entries()) {
    const consequence = goOn(env, step.name, how.leaked, file);
    if (at > 0) console.error(`… ${wait} seconds, in which Cloudflare brings that step everywhere`);
    if (at > 0) await sleep(Number(wait) * 1000, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new CliError(`✗ interrupted before the step "${step.name}".\n${consequence}`);
    await apply(env, step, consequence);
  }
  if (file !== undefined)
    console.log(`The new values are in ${file}: put them where you keep secrets, and delete it.`);
  if (!how.retire && !how.leaked) console.log(lifetimes(variables));
});

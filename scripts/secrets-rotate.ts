import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Algorithm, isSymmetric } from '../src/platform/config/jwt.ts';
import { loadConfig } from '../src/platform/config/load.ts';
import { publicMaxAgeSeconds } from '../src/platform/rules/public-documents.ts';
import { runWrangler, wranglerReason } from './program/child.ts';
import { CliError, interruption, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { readWranglerConfig, type Variables, wranglerVariables } from './program/project.ts';
import { confirm } from './program/terminal.ts';
import { algorithmOf, algorithmOption, refuseFixed, refuseSwallowed } from './secrets/algorithm.ts';
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
  --algorithm  access tokens are signed under another algorithm from then on, such as ES256: JWT_ALGORITHM and its key
             change together, and tokens of the old key stay good
  --dry-run  prints the names that each step changes, without a value, and changes nothing
  --leaked   the old values are void at once, and so is everything that they have signed; it asks, unless --yes is given
  --retire   takes the old values away, when nothing that they have signed is valid any more
  --wait     seconds between the steps, in which Cloudflare brings one everywhere (60), and in which other services read
             the public keys again, where access tokens will have one (360)`;

const options = {
  env: { type: 'string' },
  save: { type: 'string' },
  only: { type: 'string', multiple: true },
  algorithm: { type: 'string' },
  wait: { type: 'string' },
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
const goOn = (
  env: string,
  { name: step, secrets }: Step,
  isLeaked: boolean,
  file: string | undefined,
): string => {
  if (file === undefined)
    return 'It may have been applied all the same; run it again, with the same environment.';
  if (step === 'announce')
    return `It may have been applied all the same, and changes nothing that is signed: delete ${file}, and run it again.`;
  const old = isLeaked ? 'The old values may still be good, also for an attacker who knows them. ' : '';
  // A file has no way to say that a secret is deleted.
  const deletions = Object.entries(secrets)
    .filter(([name, value]) => value === null && !name.endsWith('_PREVIOUS'))
    .map(([name]) => `; npx wrangler secret delete ${name} --env ${env}`);
  return `${old}The step may have been applied all the same. The new values are in ${file}; this completes it: npx wrangler secret bulk ${file} --env ${env}${deletions.join('')}\nDo not run the rotation again with the old values in the environment.`;
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
  algorithm: Algorithm | undefined,
): readonly Step[] => {
  if (leaked && retire) throw new CliError('--leaked or --retire, not both.');
  if (retire && algorithm !== undefined)
    throw new CliError('--retire takes old values away and changes no algorithm: leave --algorithm out.');
  if (leaked) return [planReplacement(names, variables, algorithm)];
  if (retire) return [planRetirement(names, variables)];
  return planRotation(names, variables, algorithm).filter(({ name }) => name !== 'retire');
};

/** @throws CliError where the algorithm cannot change together with its key */
const checkAlgorithm = async (
  env: string,
  algorithm: Algorithm | undefined,
  names: readonly Rotatable[],
): Promise<void> => {
  if (algorithm === undefined) return;
  if (!names.includes('JWT_SECRET'))
    throw new CliError('--algorithm is about JWT_SECRET, which --only leaves out.');
  refuseFixed((await readWranglerConfig(env)).vars.JWT_ALGORITHM, algorithm);
};

/** Cloudflare brings a secret everywhere within seconds. */
const spreadSeconds = 60;

const waitSecondsOf = (
  given: string | undefined,
  names: readonly Rotatable[],
  algorithm: Algorithm,
): number => {
  if (given !== undefined && !/^\d{1,4}$/.test(given)) throw new CliError('--wait is a number of seconds.');
  if (given !== undefined) return Number(given);
  // Other services know the new key before it signs only if they have read the key set again.
  const isPublished = names.includes('JWT_SECRET') && !isSymmetric(algorithm);
  return spreadSeconds + (isPublished ? publicMaxAgeSeconds : 0);
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
const redacted = (name: string, value: string | null): string => {
  if (!value) return 'deleted';
  return name === 'JWT_ALGORITHM' ? value : `[redacted, ${Buffer.byteLength(value)} bytes]`;
};

runProgram(async () => {
  refuseSwallowed('secrets:rotate');
  const { env, save: file, only, wait, 'dry-run': isDryRun, yes, ...how } = readOptions(options, usage);
  const algorithm = algorithmOption(how.algorithm);
  if (env === undefined) throw new CliError(`Which environment? Give --env.\n\n${usage}`);
  const stranger = only?.find((name) => !(rotatable as readonly string[]).includes(name));
  if (stranger !== undefined) throw new CliError(`--only knows ${rotatable.join(' and ')}, not ${stranger}.`);
  const names = rotatable.filter((name) => only?.includes(name) ?? true);
  const variables = await wranglerVariables(env);
  const waitSeconds = waitSecondsOf(wait, names, algorithm ?? algorithmOf(variables));
  await checkAlgorithm(env, algorithm, names);
  const steps = stepsOf(how, names, variables, algorithm);
  check(variables, steps);

  if (isDryRun) {
    for (const { name, secrets } of steps) {
      console.log(`# ${name}: ${says[name]}`);
      for (const [key, value] of Object.entries(secrets)) console.log(`${key}: ${redacted(key, value)}`);
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
    const consequence = goOn(env, step, how.leaked, file);
    if (at > 0) console.error(`… ${waitSeconds} seconds, in which that step comes everywhere`);
    if (at > 0) await sleep(waitSeconds * 1000, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw new CliError(`✗ interrupted before the step "${step.name}".\n${consequence}`);
    await apply(env, step, consequence);
  }
  if (file !== undefined)
    console.log(`The new values are in ${file}: put them where you keep secrets, and delete it.`);
  if (!how.retire && !how.leaked) console.log(lifetimes(variables));
});

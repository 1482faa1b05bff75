import type { Unstable_Config as WranglerConfig } from 'wrangler';
import { z } from 'zod';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { askWrangler, createVersions } from '../deploy/versions.ts';
import { type Finding, failure, ok, skipped } from '../doctor/report.ts';
import { CliError } from '../program/cli.ts';
import { readWranglerConfig } from '../program/project.ts';

const Binding = z.looseObject({ type: z.string(), name: z.string() });
const Version = z.object({
  resources: z.object({
    script_runtime: z.object({
      compatibility_date: z.string(),
      compatibility_flags: z.array(z.string()).default([]),
    }),
    bindings: z.array(Binding),
  }),
});
const Consumers = z.array(
  z.looseObject({
    script: z.string().optional(),
    service: z.string().optional(),
    dead_letter_queue: z.string().nullish(),
    settings: z.record(z.string(), z.unknown()),
  }),
);
const Schedules = z.object({ result: z.object({ schedules: z.array(z.object({ cron: z.string() })) }) });

/** The deployed Worker of an environment against wrangler.toml. A part that cannot be looked at is a finding too. */
export const findWorkerDrift = async (env: string): Promise<Finding[]> => {
  const config = await readWranglerConfig(env);
  let ids: string[] = [];
  const findings = await check('Worker', async () => {
    ids = Object.keys(await createVersions(env).current());
    return [];
  });
  if (findings.length > 0) return findings;
  for (const id of ids) findings.push(...(await check('Worker', () => findVersionDrift(env, config, id))));
  for (const consumer of config.queues.consumers ?? [])
    findings.push(
      ...(await check(`queue ${consumer.queue}`, () => findQueueDrift(config.name ?? '', consumer))),
    );
  return [...findings, ...(await check('crons', () => findCronDrift(config)))];
};

const check = (name: string, find: () => Promise<Finding[]>): Promise<Finding[]> =>
  find().catch((error: unknown) => {
    if (error instanceof CliError) return [skipped(name, `not checked: ${error.message}`)];
    throw error;
  });

const differences = (name: string, wanted: string, found: string): Finding[] =>
  wanted === found ? [] : [failure(name, `is ${found || 'none'}; wrangler.toml says ${wanted || 'none'}`)];

const findVersionDrift = async (env: string, config: WranglerConfig, id: string): Promise<Finding[]> => {
  const { resources } = await askWrangler(Version, ['versions', 'view', id, '--json', '--env', env]);
  const { script_runtime: runtime, bindings } = resources;
  const [secrets, others] = [
    bindings.filter(({ type }) => type === 'secret_text'),
    bindings.filter(({ type }) => type !== 'secret_text'),
  ];
  const actual = new Map(others.map((binding) => [binding.name, describe(binding)]));
  const expected = expectedBindings(config);
  const flags = (list: readonly string[]) => list.join(', ');
  const findings = [
    ...differences('compatibility date', config.compatibility_date ?? '', runtime.compatibility_date),
    ...differences(
      'compatibility flags',
      flags(config.compatibility_flags),
      flags(runtime.compatibility_flags),
    ),
    ...[...new Set([...expected.keys(), ...actual.keys()])]
      .sort()
      .flatMap((name) =>
        differences(`binding ${name}`, expected.get(name) ?? 'none', actual.get(name) ?? 'none'),
      ),
    ...secrets
      .filter(({ name }) => !isConfigVariable(name))
      .map(({ name }) => failure(`secret ${name}`, 'is no variable of Itsor')),
  ];
  return findings.length > 0
    ? findings
    : [ok(`Worker ${id.slice(0, 8)}`, `its ${expected.size} bindings are those of wrangler.toml`)];
};

const expectedBindings = ({ vars, ...config }: WranglerConfig) =>
  new Map<string, string>([
    ...config.durable_objects.bindings.map(
      ({ name, class_name }) => [name, `Durable Object ${class_name}`] as const,
    ),
    ...(config.queues.producers ?? []).map(({ binding, queue }) => [binding, `queue ${queue}`] as const),
    ...config.r2_buckets.map(({ binding, bucket_name }) => [binding, `bucket ${bucket_name}`] as const),
    ...(config.assets?.binding ? [[config.assets.binding, 'assets'] as const] : []),
    ...(config.version_metadata ? [[config.version_metadata.binding, 'version_metadata'] as const] : []),
    ...Object.entries(vars).map(([name, value]) => [name, `"${value}"`] as const),
  ]);

const describe = (binding: z.infer<typeof Binding>): string => {
  switch (binding.type) {
    case 'durable_object_namespace':
      return `Durable Object ${binding.class_name}`;
    case 'queue':
      return `queue ${binding.queue_name}`;
    case 'r2_bucket':
      return `bucket ${binding.bucket_name}`;
    case 'plain_text':
      return `"${binding.text}"`;
    default:
      return binding.type;
  }
};

type Consumer = NonNullable<WranglerConfig['queues']['consumers']>[number];

const findQueueDrift = async (worker: string, consumer: Consumer): Promise<Finding[]> => {
  const { queue, max_batch_timeout: seconds } = consumer;
  const found = await askWrangler(Consumers, ['queues', 'consumer', 'worker', 'list', queue, '--json']);
  const own = found.find(({ script, service }) => (script ?? service) === worker);
  if (own === undefined) return [failure(`queue ${queue}`, `has no consumer ${worker}`)];
  const wanted: Record<string, unknown> = {
    dead_letter_queue: consumer.dead_letter_queue,
    batch_size: consumer.max_batch_size,
    max_retries: consumer.max_retries,
    max_wait_time_ms: seconds === undefined ? undefined : seconds * 1000,
    retry_delay: consumer.retry_delay,
  };
  // A setting that wrangler.toml leaves open is the platform's to choose.
  const chosen = Object.keys(wanted).filter((key) => wanted[key] !== undefined);
  const pick = (from: Record<string, unknown>) =>
    JSON.stringify(Object.fromEntries(chosen.map((key) => [key, from[key]])));
  const actual = { ...own.settings, dead_letter_queue: own.dead_letter_queue };
  return differences(`queue ${queue}`, pick(wanted), pick(actual));
};

/** wrangler does not show the crons, so Cloudflare's API is asked for them. */
const findCronDrift = async ({ name, triggers }: WranglerConfig): Promise<Finding[]> => {
  const { CLOUDFLARE_ACCOUNT_ID: account, CLOUDFLARE_API_TOKEN: token } = process.env;
  if (!account || !token) throw new CliError('CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are needed');
  const base = process.env.CLOUDFLARE_API_BASE_URL ?? 'https://api.cloudflare.com/client/v4';
  const schedules = async () => {
    const answer = await fetch(`${base}/accounts/${account}/workers/scripts/${name}/schedules`, {
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok) throw new Error(`Cloudflare answers ${answer.status}`);
    return Schedules.parse(await answer.json()).result.schedules;
  };
  const found = await schedules().catch(({ message }: Error) => {
    throw new CliError(message);
  });
  const list = (crons: readonly string[]) => [...crons].sort().join(', ');
  return differences('crons', list(triggers.crons ?? []), list(found.map(({ cron }) => cron)));
};

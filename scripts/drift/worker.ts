import type { Unstable_Config as WranglerConfig } from 'wrangler';
import { z } from 'zod';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { type Finding, failure, ok, skipped } from '../doctor/finding.ts';
import { runWrangler, wranglerReason } from '../stack/wrangler.ts';
import { readWranglerConfig } from '../stack/wrangler-variables.ts';

const Status = z.object({
  versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })).min(1),
});
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

/** The deployed Worker of an environment against wrangler.toml. What it cannot look at it says. */
export const findWorkerDrift = async (env: string): Promise<Finding[]> => {
  const config = await readWranglerConfig(env);
  const status = await ask(Status, ['deployments', 'status', '--json', '--env', env]);
  if ('reason' in status) return [skipped('Worker', `not checked: ${status.reason}`)];
  const findings: Finding[] = [];
  for (const { version_id } of status.answer.versions) {
    const version = await ask(Version, ['versions', 'view', version_id, '--json', '--env', env]);
    findings.push(
      ...('reason' in version
        ? [skipped('Worker', `not checked: ${version.reason}`)]
        : compareVersion(config, version.answer, version_id)),
    );
  }
  return [...findings, ...(await findQueueDrift(config)), ...(await findCronDrift(config))];
};

type Answer<T> = { readonly answer: T } | { readonly reason: string };

const ask = async <T>(schema: z.ZodType<T>, args: readonly string[]): Promise<Answer<T>> => {
  const run = await runWrangler(args);
  if (run.status !== 0) return { reason: wranglerReason(run) };
  try {
    return { answer: schema.parse(JSON.parse(run.stdout)) };
  } catch {
    return { reason: `wrangler ${args.slice(0, 2).join(' ')} answers in a form that is not known here` };
  }
};

const compareVersion = (
  config: WranglerConfig,
  { resources }: z.infer<typeof Version>,
  id: string,
): Finding[] => {
  const { script_runtime: runtime, bindings } = resources;
  const secrets = bindings.filter(({ type }) => type === 'secret_text').map(({ name }) => name);
  const actual = new Map(
    bindings.filter(({ type }) => type !== 'secret_text').map((binding) => [binding.name, describe(binding)]),
  );
  const expected = expectedBindings(config);
  const findings = [
    ...differences('compatibility date', config.compatibility_date ?? '', runtime.compatibility_date),
    ...differences(
      'compatibility flags',
      config.compatibility_flags.join(', '),
      runtime.compatibility_flags.join(', '),
    ),
    ...[...new Set([...expected.keys(), ...actual.keys()])]
      .sort()
      .flatMap((name) =>
        differences(`binding ${name}`, expected.get(name) ?? 'none', actual.get(name) ?? 'none'),
      ),
    ...secrets
      .filter((name) => !isConfigVariable(name))
      .map((name) => failure(`secret ${name}`, 'is no variable of Itsor')),
  ];
  const version = `Worker ${id.slice(0, 8)}`;
  return findings.length === 0
    ? [ok(version, `its ${expected.size} bindings are those of wrangler.toml`)]
    : findings;
};

const differences = (check: string, wanted: string, found: string): Finding[] =>
  wanted === found ? [] : [failure(check, `is ${found || 'none'}; wrangler.toml says ${wanted || 'none'}`)];

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

const findQueueDrift = async ({ name, queues }: WranglerConfig): Promise<Finding[]> => {
  const findings: Finding[] = [];
  for (const consumer of queues.consumers ?? []) {
    const check = `queue ${consumer.queue}`;
    const found = await ask(Consumers, ['queues', 'consumer', 'worker', 'list', consumer.queue, '--json']);
    if ('reason' in found) {
      findings.push(skipped(check, `not checked: ${found.reason}`));
      continue;
    }
    const own = found.answer.find(({ script, service }) => (script ?? service) === name);
    const shown = (settings: Record<string, unknown>) => JSON.stringify(settings);
    const wanted: Record<string, unknown> = {
      dead_letter_queue: consumer.dead_letter_queue,
      batch_size: consumer.max_batch_size,
      max_retries: consumer.max_retries,
      max_wait_time_ms:
        consumer.max_batch_timeout === undefined ? undefined : consumer.max_batch_timeout * 1000,
      retry_delay: consumer.retry_delay,
    };
    // What wrangler.toml leaves open is the platform's to choose.
    const chosen = Object.keys(wanted).filter((key) => wanted[key] !== undefined);
    const pick = (from: Record<string, unknown>) =>
      shown(Object.fromEntries(chosen.map((key) => [key, from[key]])));
    findings.push(
      ...(own === undefined
        ? [failure(check, `has no consumer ${name}`)]
        : differences(
            check,
            pick(wanted),
            pick({ ...own.settings, dead_letter_queue: own.dead_letter_queue }),
          )),
    );
  }
  return findings;
};

/** wrangler does not show them, so that they are asked for directly. */
const findCronDrift = async ({ name, triggers }: WranglerConfig): Promise<Finding[]> => {
  const {
    CLOUDFLARE_ACCOUNT_ID: account,
    CLOUDFLARE_API_TOKEN: token,
    CLOUDFLARE_API_BASE_URL: base,
  } = process.env;
  if (!account || !token)
    return [skipped('crons', 'not checked: CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are needed')];
  try {
    const url = `${base ?? 'https://api.cloudflare.com/client/v4'}/accounts/${account}/workers/scripts/${name}/schedules`;
    const answer = await fetch(url, {
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(15_000),
    });
    if (!answer.ok) return [skipped('crons', `not checked: Cloudflare answers ${answer.status}`)];
    const { schedules } = Schedules.parse(await answer.json()).result;
    return differences(
      'crons',
      [...(triggers.crons ?? [])].sort().join(', '),
      schedules
        .map(({ cron }) => cron)
        .sort()
        .join(', '),
    );
  } catch (error) {
    return [skipped('crons', `not checked: ${(error as Error).message}`)];
  }
};

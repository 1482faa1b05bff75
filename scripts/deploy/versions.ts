import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { runWrangler, wranglerReason } from '../program/child.ts';
import { CliError } from '../program/cli.ts';

/** Percent of the requests by the id of a version; together 100. */
export type Shares = Readonly<Record<string, number>>;

const Deployed = z.object({
  versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })).min(1),
});
const Uploaded = z.looseObject({ type: z.literal('version-upload'), version_id: z.string() });

/** @throws CliError with the reason that wrangler gives */
const wrangler = async (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> => {
  const run = await runWrangler(args, env && { env });
  if (run.status === 0) return run.stdout;
  throw new CliError(`wrangler ${args.slice(0, 2).join(' ')}: ${wranglerReason(run)}`);
};

/** Undefined for text of another form. */
const read = <T>(schema: z.ZodType<T>, text: string): T | undefined => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};

/** The JSON that wrangler answers. @throws CliError where it refuses, or its answer has another form */
export const askWrangler = async <T>(schema: z.ZodType<T>, args: readonly string[]): Promise<T> => {
  const answer = read(schema, await wrangler(args));
  if (answer !== undefined) return answer;
  throw new CliError(`wrangler ${args.slice(0, 2).join(' ')} answers in a form that is not known here.`);
};

const specsOf = (shares: Shares): string[] =>
  Object.entries(shares).map(([id, percentage]) => `${id}@${percentage}%`);

export const renderShares = (shares: Shares): string => specsOf(shares).join(', ');

/** The versions of the Worker of an environment of wrangler.toml. */
export const createVersions = (env: string) => {
  /** Which versions have the requests now. @throws CliError when nothing is deployed yet */
  const current = async (): Promise<Shares> => {
    const { versions } = await askWrangler(Deployed, ['deployments', 'status', '--json', '--env', env]);
    return Object.fromEntries(versions.map(({ version_id, percentage }) => [version_id, percentage]));
  };

  /** For a person who has to do it by hand. */
  const deployCommand = (id: string): string => `npx wrangler versions deploy ${id}@100% --yes --env ${env}`;

  return {
    current,
    deployCommand,

    /** The one that has all requests. @throws CliError where several are deployed, or none */
    stable: async (): Promise<string> => {
      const shares = await current();
      const [id, ...others] = Object.keys(shares);
      if (id !== undefined && others.length === 0) return id;
      throw new CliError(
        [
          `More than one version is deployed: ${renderShares(shares)}. A deployment has not ended, or is under way.`,
          'When it is not, give all requests to the good one, and then deploy:',
          ...Object.keys(shares).map((each) => `  ${deployCommand(each)}`),
        ].join('\n'),
      );
    },

    /** @returns its id; it gets no traffic yet */
    upload: async (message: string): Promise<string> => {
      const directory = await mkdtemp(join(tmpdir(), 'itsor-deploy-'));
      try {
        const output = join(directory, 'output');
        await wrangler(['versions', 'upload', '--env', env, '--message', message], {
          WRANGLER_OUTPUT_FILE_PATH: output,
        });
        const lines = (await readFile(output, 'utf8').catch(() => '')).split('\n');
        const uploaded = lines.map((line) => read(Uploaded, line)).find((found) => found !== undefined);
        if (uploaded) return uploaded.version_id;
        throw new CliError('wrangler versions upload did not say which version it made. It has no requests.');
      } finally {
        await rm(directory, { recursive: true });
      }
    },

    share: async (shares: Shares, message: string): Promise<void> => {
      await wrangler(['versions', 'deploy', ...specsOf(shares), '--env', env, '--message', message, '--yes']);
    },

    /** Crons, routes and queue consumers, which no version has. */
    triggers: async (): Promise<void> => {
      await wrangler(['triggers', 'deploy', '--env', env]);
    },
  };
};

export type Versions = ReturnType<typeof createVersions>;

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from '../stack/cli-error.ts';
import { runWrangler, wranglerReason } from '../stack/wrangler.ts';

/** Percent of the requests by the id of a version; together 100. */
export type Shares = Readonly<Record<string, number>>;

const Status = z.object({
  versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })).min(1),
});
const Uploaded = z.looseObject({ type: z.literal('version-upload'), version_id: z.string() });

/** wrangler, or a CliError that says why not. */
const wrangler = async (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> => {
  const run = await runWrangler(args, env && { env });
  if (run.status === 0) return run.stdout;
  throw new CliError(`wrangler ${args.slice(0, 2).join(' ')}: ${wranglerReason(run)}`);
};

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const specsOf = (shares: Shares): string[] =>
  Object.entries(shares).map(([id, percentage]) => `${id}@${percentage}%`);

export const renderShares = (shares: Shares): string => specsOf(shares).join(', ');

/** The versions of the Worker of an environment of wrangler.toml. */
export const createVersions = (env: string) => {
  /** Who has the requests now. @throws CliError when nothing is deployed yet */
  const current = async (): Promise<Shares> => {
    const text = await wrangler(['deployments', 'status', '--json', '--env', env]);
    const { success, data } = Status.safeParse(readJson(text));
    if (!success) throw new CliError('wrangler deployments status answers in a form that is not known here.');
    return Object.fromEntries(data.versions.map(({ version_id, percentage }) => [version_id, percentage]));
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
        const uploaded = lines
          .map((line) => Uploaded.safeParse(readJson(line)))
          .find(({ success }) => success);
        if (!uploaded?.data)
          throw new CliError(
            'wrangler versions upload did not say which version it made. It has no requests.',
          );
        return uploaded.data.version_id;
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

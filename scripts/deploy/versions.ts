import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { Sentence } from '../stack/sentence.ts';
import { runWrangler, wranglerReason } from '../stack/wrangler.ts';

const Status = z.object({
  versions: z.array(z.object({ version_id: z.string(), percentage: z.number() })).min(1),
});
const Uploaded = z.looseObject({ type: z.literal('version-upload'), version_id: z.string() });

/** wrangler, or a Sentence that says why not. */
const wrangler = async (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> => {
  const run = await runWrangler(args, env && { env });
  if (run.status === 0) return run.stdout;
  throw new Sentence(`wrangler ${args.slice(0, 2).join(' ')}: ${wranglerReason(run)}`);
};

/** The versions of the Worker of an environment of wrangler.toml. */
export const createVersions = (env: string) => ({
  /** The one that gets the most traffic. @throws Sentence when nothing is deployed yet */
  stable: async (): Promise<string> => {
    const text = await wrangler(['deployments', 'status', '--json', '--env', env]);
    const { success, data } = Status.safeParse(JSON.parse(text));
    if (!success) throw new Sentence('wrangler deployments status answers in a form that is not known here.');
    return [...data.versions].sort((a, b) => b.percentage - a.percentage)[0]?.version_id ?? '';
  },

  /** @returns its id; it gets no traffic yet */
  upload: async (message: string): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'itsor-deploy-'));
    try {
      const output = join(directory, 'output');
      await wrangler(['versions', 'upload', '--env', env, '--message', message], {
        WRANGLER_OUTPUT_FILE_PATH: output,
      });
      const lines = (await readFile(output, 'utf8')).split('\n').filter(Boolean);
      const uploaded = lines
        .map((line) => Uploaded.safeParse(JSON.parse(line)))
        .find(({ success }) => success);
      if (!uploaded?.data) throw new Sentence('wrangler versions upload did not say which version it made.');
      return uploaded.data.version_id;
    } finally {
      await rm(directory, { recursive: true });
    }
  },

  /** In percent of the requests; together 100. */
  share: async (shares: Readonly<Record<string, number>>, message: string): Promise<void> => {
    const specs = Object.entries(shares).map(([id, percentage]) => `${id}@${percentage}%`);
    await wrangler(['versions', 'deploy', ...specs, '--env', env, '--message', message, '--yes']);
  },

  /** Crons, routes and queue consumers, which no version has. */
  triggers: () => wrangler(['triggers', 'deploy', '--env', env]),
});

export type Versions = ReturnType<typeof createVersions>;

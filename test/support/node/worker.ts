import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectDirectory } from '../../../scripts/program/project.ts';
import type { WorkerSettings } from '../../../scripts/stack/serve-worker.ts';
import { findFreePort, startServiceProcess } from '../../../scripts/stack/service-process.ts';

export type RunningWorker = { readonly url: string; readonly stop: () => Promise<void> };

/** A Worker of these tests, by the name of its folder in test/support/worker, in workerd. */
export const startWorker = (name: string, env = process.env): Promise<RunningWorker> =>
  serve(fileURLToPath(new URL(`../worker/${name}/wrangler.toml`, import.meta.url)), env);

/** The Worker of a folder in `examples`, beside a stack whose data are in that directory. */
export const startExample = (name: string, dataDirectory: string): Promise<RunningWorker> =>
  serve(
    join(projectDirectory, 'examples', name, 'wrangler.toml'),
    { ...process.env, WRANGLER_REGISTRY_PATH: `${dataDirectory}.registry` },
    { isFoundByOthers: true },
  );

const serve = async (
  configPath: string,
  env: NodeJS.ProcessEnv,
  settings: Partial<WorkerSettings> = {},
): Promise<RunningWorker> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const port = await findFreePort();
  const worker = startServiceProcess({
    name: 'Worker',
    program: new URL('../../../scripts/stack/serve-worker.ts', import.meta.url),
    env,
    settings: {
      configPath,
      hostname: '127.0.0.1',
      port,
      stateDirectory: join(directory, 'worker'),
      logDirectory: join(directory, 'logs'),
      variables: {},
      ...settings,
    } satisfies WorkerSettings,
  });
  await worker.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      await worker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../../../scripts/stack/service-process.ts';

/** Whether Debian's prometheus, or another one, is installed here. */
export const hasPrometheus: boolean = spawnSync('prometheus', ['--version']).status === 0;

/** The complaints of promtool about an exposition; empty without any. */
export const promtool = (args: readonly string[], input = ''): { status: number | null; output: string } => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, output: stdout + stderr };
};

type Answer = { data: { result: { value: [number, string] }[] } };

/** A Prometheus of our own that scrapes `target` every second. */
export const startPrometheus = async (target: URL, token: string) => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-prometheus-'));
  const port = await findFreePort();
  await writeFile(
    join(directory, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '1s' },
      scrape_configs: [
        {
          job_name: 'itsor',
          authorization: { credentials: token },
          static_configs: [{ targets: [target.host] }],
        },
      ],
    }),
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const gone = once(child, 'exit');

  return {
    /** The first value of a query; null where there is none yet. */
    query: async (expression: string): Promise<number | null> => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
      const response = await fetch(url).catch(() => null);
      if (!response?.ok) return null;
      const [sample] = ((await response.json()) as Answer).data.result;
      return sample ? Number(sample.value[1]) : null;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await Promise.race([gone, sleep(10_000)]);
      await rm(directory, { recursive: true, force: true });
    },
  };
};

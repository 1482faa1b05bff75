import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CliError } from '../stack/cli-error.ts';
import { findFreePort } from '../stack/ports.ts';
import { projectDirectory } from '../stack/project.ts';
import { environmentOf } from '../stack/run-script.ts';
import { waitForWorker } from '../stack/worker-state.ts';

const readyWithinMs = 90_000;

/** `npm run dev` on a database, for as long as `work` takes, and no longer than until it is asked to stop. */
export const withWorker = async <T>(
  variables: Readonly<Record<string, string>>,
  asked: AbortSignal,
  work: (url: string) => Promise<T>,
): Promise<T> => {
  const port = await findFreePort();
  const child = spawn(process.execPath, ['scripts/dev.ts'], {
    cwd: projectDirectory,
    env: environmentOf({ ...variables, BACKEND_PORT: String(port) }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const gone = once(child, 'close');
  try {
    const url = `http://127.0.0.1:${port}`;
    const signal = AbortSignal.any([asked, AbortSignal.timeout(readyWithinMs)]);
    await Promise.race([waitUntilReady(url, signal), gone]);
    if (child.exitCode !== null || signal.aborted) throw new CliError(`The Worker did not start:\n${output}`);
    return await work(url);
  } finally {
    child.kill('SIGINT');
    await gone;
  }
};

const waitUntilReady = async (url: string, signal: AbortSignal) => {
  await waitForWorker(url, signal);
  while (!signal.aborted) {
    const answer = await fetch(`${url}/readyz`, { signal }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectDirectory } from '../../../scripts/program/project.ts';
import { findFreePort } from '../../../scripts/stack/service-process.ts';
import { isConfigVariable } from '../../../src/platform/config/variables.ts';

export type Launch = {
  readonly process: ChildProcess;
  readonly url: string;
  readonly dataDirectory: string;
  /** All that it has printed. */
  readonly output: () => string;
  /** Of the launcher; null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
  /** Asks it to stop, as Ctrl-C does, and deletes the folder that was made for it alone. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
};

type Options = {
  /** The folder with the source; absent: this project. */
  readonly project?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly port?: number;
  /** Absent: a fresh one, deleted by `stop`. */
  readonly dataDirectory?: string;
};

/** The program of `npm run dev` on a port of its own, in an environment without variables of Itsor. */
export const launchStack = async (options: Options = {}): Promise<Launch> => {
  const port = options.port ?? (await findFreePort());
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'itsor-')));
  const project = options.project ?? projectDirectory;
  // One of its own: the stacks of other tests have the same name. Not among the data, which a test may delete.
  const registry = `${dataDirectory}.registry`;
  const child = fork(join(project, 'scripts/dev.ts'), options.args ?? [], {
    cwd: project,
    // Not those of the test runner.
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...cleanEnvironment(),
      WRANGLER_REGISTRY_PATH: registry,
      DATA_DIR: dataDirectory,
      BACKEND_PORT: String(port),
      ...options.env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // Not `exit`: by `close` everything has been read, and no process holds the pipes any more.
  const exitCode = once(child, 'close').then(async ([code]) => {
    await rm(registry, { recursive: true, force: true });
    return code as number | null;
  });

  return {
    process: child,
    url: `http://localhost:${port}`,
    dataDirectory,
    output: () => output,
    exitCode,
    stop: async (signal = 'SIGINT') => {
      child.kill(signal);
      await exitCode;
      if (!options.dataDirectory) await rm(dataDirectory, { recursive: true, force: true });
    },
  };
};

const readyWithinMs = 90_000;

/** A stack that is ready for requests. */
export const startStack = async (options: Options = {}): Promise<Launch> => {
  const stack = await launchStack(options);
  const deadline = Date.now() + readyWithinMs;
  while (!stack.output().includes('Ctrl-C stops it')) {
    const { exitCode } = stack.process;
    if (exitCode !== null || Date.now() > deadline) {
      await stack.stop();
      throw new Error(`the stack was not ready (exit code ${exitCode}):\n${stack.output()}`);
    }
    await sleep(50);
  }
  return stack;
};

const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !isConfigVariable(name) && name !== 'LOCAL_POSTGRES_URL'),
  );

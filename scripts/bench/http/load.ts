import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CliError } from '../../program/cli.ts';
import { cpuMsOfProcess } from '../processes.ts';

export type LoadRequest = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

type Load = {
  readonly url: string;
  /** Sent in turn. */
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly seconds: number;
};

type Counted = { readonly requests: number; readonly failed: number; readonly durationMs: number };

export type LoadResult = {
  readonly requests: number;
  readonly perSecond: number;
  /** The part of one core that the generator itself needed; null where the platform does not tell. */
  readonly generatorShare: number | null;
};

type Generator = { readonly name: string; readonly run: (load: Load) => Promise<Counted> };

const run = promisify(execFile);

const wrkName = async (): Promise<string | null> => {
  // It prints its version beside its usage, and ends with 1.
  const { stdout = '' } = await run('wrk', ['--version']).catch((error) => error);
  return /^wrk \S+/.exec(stdout)?.[0] ?? null;
};

/** The bytes of a request (RFC 9112). */
const bytesOf = ({ url }: Load, { method, path, headers, body }: LoadRequest): string => {
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const fields = Object.entries({ Host: new URL(url).host, ...headers, ...length });
  const head = [`${method} ${path} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
};

const createWrk = (name: string, temporaryDirectory: string): Generator => ({
  name,
  run: async (load) => {
    // Not in the arguments: every process of the machine could read the cookies there.
    const directory = await mkdtemp(join(temporaryDirectory, 'wrk-'));
    try {
      const files = load.requests.map((_, index) => join(directory, String(index)));
      for (const [index, file] of files.entries())
        await writeFile(file, bytesOf(load, load.requests[index] as LoadRequest), { mode: 0o600 });
      const script = fileURLToPath(new URL('wrk.lua', import.meta.url));
      const size = ['--threads', '1', '--connections', String(load.connections)];
      const args = [...size, '--duration', `${load.seconds}s`, '--timeout', '10s', '--script', script];
      const { stdout } = await run('wrk', [...args, load.url, '--', ...files]).catch((error) => {
        throw new CliError(`wrk failed: ${String(error.stderr || error.message).trim()}`);
      });
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Counted;
    } finally {
      await rm(directory, { recursive: true });
    }
  },
});

/** In this thread, which only waits meanwhile: to one of its own, autocannon could not give each client a request. */
const autocannonHere: Generator = {
  name: 'autocannon',
  run: async ({ url, requests, connections, seconds }) => {
    const { default: autocannon } = await import('autocannon');
    let clients = 0;
    const result = await autocannon({
      url,
      connections,
      duration: seconds,
      setupClient: (client) => client.setRequests([requests[clients++ % requests.length] as LoadRequest]),
    });
    return {
      requests: result.requests.total,
      // Timeouts are among the errors.
      failed: result.errors + result.non2xx,
      durationMs: result.duration * 1000,
    };
  },
};

export type LoadGenerator = {
  readonly name: string;
  /** @throws CliError where a request failed, because the rate would say nothing */
  readonly measure: (load: Load) => Promise<LoadResult>;
};

/** wrk where it is installed: it needs a tenth of the CPU of one in JavaScript, and so leaves a core to what is measured. */
export const findLoadGenerator = async (
  temporaryDirectory: string,
  use: 'wrk' | 'autocannon' | 'any' = 'any',
): Promise<LoadGenerator> => {
  const wrk = use === 'autocannon' ? null : await wrkName();
  const generator = wrk === null ? autocannonHere : createWrk(wrk, temporaryDirectory);
  const cpuMs = () => cpuMsOfProcess('self', { children: true });
  return {
    name: generator.name,
    measure: async (load) => {
      const beforeMs = cpuMs();
      const { requests, failed, durationMs } = await generator.run(load);
      const afterMs = cpuMs();
      const target = `${load.url}${load.requests[0]?.path}`;
      if (failed > 0) throw new CliError(`${failed} of ${requests} requests to ${target} failed.`);
      if (requests === 0) throw new CliError(`${target} answered nothing in ${load.seconds} seconds.`);
      return {
        requests,
        perSecond: (requests * 1000) / durationMs,
        generatorShare: beforeMs === null || afterMs === null ? null : (afterMs - beforeMs) / durationMs,
      };
    },
  };
};

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { measurePairs, reportPairs } from './ratios.ts';
import { type BenchStack, withoutLimits, withStack } from './stack.ts';

const usage = `npm run bench:telemetry
  The cost of metrics, and of traces for a collector that hangs, to GET /auth/me; and the same Worker beside a twin, as
  the difference that the machine makes between two equal ones.`;

const measuring = { pairs: 1_500, warmUp: 200, limitMs: 60_000 };
const goal = [0.95, 1.05] as const;

/** Takes connections and requests, and never answers. */
const startHangingCollector = async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
};

const signUp = async (url: string): Promise<string> => {
  const body = JSON.stringify({
    email: `${crypto.randomUUID()}@example.com`,
    password: 'correct horse battery staple',
  });
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(`${url}/auth/signup`, { method: 'POST', headers, body });
  return ((await response.json()) as { access_token: string }).access_token;
};

/** Starts a Worker. @returns how many milliseconds one GET /auth/me takes at it, measured at each call */
const timerOf = async ({ startWorker }: BenchStack, variables: Readonly<Record<string, string>>) => {
  const { url } = await startWorker({ ...withoutLimits, ...variables });
  const headers = { Authorization: `Bearer ${await signUp(url)}` };
  return async (): Promise<number> => {
    const startMs = performance.now();
    const response = await fetch(`${url}/auth/me`, { headers });
    await response.text();
    if (response.status !== 200) throw new Error(`/auth/me: ${response.status}`);
    return performance.now() - startMs;
  };
};

runProgram(async () => {
  readOptions({}, usage);
  const collector = await startHangingCollector();
  const compare = async (stack: BenchStack): Promise<void> => {
    const [plain, twin, traced] = await Promise.all([
      timerOf(stack, {}),
      timerOf(stack, {}),
      timerOf(stack, { ENABLE_METRICS: '1', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
    ]);
    const contrasts = [
      ['a Worker / its twin', plain, twin],
      ['metrics, and a collector that hangs / neither', traced, plain],
    ] as const;
    for (const [name, one, other] of contrasts) {
      reportPairs(`GET /auth/me: ${name}`, await measurePairs(one, other, measuring), { unit: 'ms', goal });
    }
  };
  try {
    await withStack(compare, { limitMs: 240_000 });
  } finally {
    collector.server.close();
  }
});

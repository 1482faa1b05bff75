import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { runProgram } from '../program/cli.ts';
import { measurePairs, reportPairs } from './report-pairs.ts';
import { withoutLimits, withStack } from './stack.ts';

// npm run bench:telemetry: what metrics, and traces for a collector that hangs, cost GET /auth/me; and the same
// Worker beside itself, for what the machine makes of two that are equal.

const measuring = { pairs: 1_500, warmUp: 200, limitMs: 60_000 };

/** Takes connections and requests, and never says a word. */
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

/** Milliseconds of one GET /auth/me at each of the services. */
const timerOf = async (url: string) => {
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
  const collector = await startHangingCollector();
  try {
    await withStack(async ({ startWorker }) => {
      const [plain, twin, traced] = await Promise.all([
        startWorker(withoutLimits),
        startWorker(withoutLimits),
        startWorker({ ...withoutLimits, ENABLE_METRICS: '1', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }),
      ]);
      const [onPlain, onTwin, onTraced] = await Promise.all(
        [plain, twin, traced].map(({ url }) => timerOf(url)),
      );
      if (!onPlain || !onTwin || !onTraced) return;
      reportPairs(
        'GET /auth/me: a Worker / its twin',
        await measurePairs(onPlain, onTwin, measuring),
        [0.95, 1.05],
      );
      reportPairs(
        'GET /auth/me: metrics, and a collector that hangs / neither',
        await measurePairs(onTraced, onPlain, measuring),
        [0.95, 1.05],
      );
    });
  } finally {
    collector.server.close();
  }
});

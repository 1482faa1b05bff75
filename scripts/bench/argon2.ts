/**
 * Our Argon2id (reused memory, a queue) beside plain calls of hash-wasm, each in a workerd of its own, over
 * HTTP on loopback. The measurements alternate, so that another load on the machine meets both alike.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unstable_startWorker } from 'wrangler';

const variants = ['plain', 'reused'] as const;
const concurrencies = [1, 32] as const;
const rounds = 4;
const roundMs = 1200;
/** No round begins later than this after the start; a slow machine measures fewer. */
const lastRoundMs = 45_000;
const goalRatio = 1.3;

type Variant = (typeof variants)[number];
type Count = { hashes: number; milliseconds: number };

// The measurement needs nothing from the Internet.
Object.assign(process.env, { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' });

/** The fields of /proc/<pid>/status; empty where the platform has none, or the process has ended. */
const readStatus = (pid: string): Map<string, string> => {
  try {
    const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
    return new Map(lines.map((line) => line.split(':\t') as [string, string]));
  } catch {
    return new Map();
  }
};

const ownWorkerdPids = (): string[] => {
  try {
    return readdirSync('/proc').filter((pid) => {
      const status = readStatus(pid);
      return status.get('Name') === 'workerd' && status.get('PPid') === String(process.pid);
    });
  } catch {
    return [];
  }
};

/** Wrangler runs a proxy beside the Worker; the larger of the two is the Worker. */
const peakMib = (pids: readonly string[]): string => {
  const peaksKib = pids.map((pid) => Number.parseInt(readStatus(pid).get('VmHWM')?.trim() ?? '', 10));
  const peakKib = Math.max(...peaksKib.filter((kib) => !Number.isNaN(kib)));
  return Number.isFinite(peakKib) ? `${Math.round(peakKib / 1024)} MiB` : 'unknown';
};

const startVariant = async (variant: Variant) => {
  const others = ownWorkerdPids();
  const worker = await unstable_startWorker({
    config: fileURLToPath(new URL('argon2.wrangler.toml', import.meta.url)),
    dev: { server: { hostname: '127.0.0.1', port: 0 }, inspector: false, watch: false, logLevel: 'error' },
  });
  const url = new URL(variant, await worker.url);
  const hash = async (): Promise<void> => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${variant}: ${response.status} ${await response.text()}`);
    await response.text();
  };
  await hash();
  const pids = ownWorkerdPids().filter((pid) => !others.includes(pid));
  return { variant, hash, pids, stop: () => worker.dispose() };
};

const measure = async (hash: () => Promise<void>, concurrency: number): Promise<Count> => {
  const start = performance.now();
  let hashes = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - start < roundMs) {
      await hash();
      hashes += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return { hashes, milliseconds: performance.now() - start };
};

const perSecond = (counts: readonly Count[]): number => {
  const hashes = counts.reduce((total, count) => total + count.hashes, 0);
  const milliseconds = counts.reduce((total, count) => total + count.milliseconds, 0);
  return (hashes * 1000) / milliseconds;
};

const running = [];
try {
  for (const variant of variants) running.push(await startVariant(variant));
  console.log('Argon2id, m=19456 KiB, t=2, p=1; hashes per second');

  for (const concurrency of concurrencies) {
    const counts: Record<Variant, Count[]> = { plain: [], reused: [] };
    for (let round = 0; round < rounds && (round === 0 || performance.now() < lastRoundMs); round++) {
      for (const { variant, hash } of running) counts[variant].push(await measure(hash, concurrency));
    }
    const [plain, reused] = [perSecond(counts.plain), perSecond(counts.reused)];
    const ratio = reused / plain;
    const verdict = ratio >= goalRatio ? 'reached' : 'missed';
    console.log(
      `${String(concurrency).padStart(2)} at a time: plain ${plain.toFixed(1)}, reused ${reused.toFixed(1)}, ` +
        `ratio ${ratio.toFixed(2)} (goal ${goalRatio}, ${verdict})`,
    );
    for (const { variant, pids } of running) console.log(`   peak of workerd, ${variant}: ${peakMib(pids)}`);
  }
} finally {
  await Promise.all(running.map(({ stop }) => stop()));
}

import { fileURLToPath } from 'node:url';
import { runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { measurePairs, rateOf, reportPairs } from './ratios.ts';
import { type BenchStack, withStack } from './stack.ts';
import { peakOf } from './workerd.ts';

const usage = `npm run bench
  Our Argon2id (reused memory, a queue) beside plain calls of hash-wasm, each in a workerd of its own, over HTTP on
  loopback: hashes per second, and the memory that each workerd has had at most.`;

const concurrencies = [1, 32];
const roundMs = 1200;
const measuring = { pairs: 4, limitMs: 25_000 };
const goal = [1.3, Infinity] as const;

const startVariant = async ({ startBareWorker }: BenchStack, variant: 'reused' | 'plain') => {
  const config = fileURLToPath(new URL('argon2.wrangler.toml', import.meta.url));
  const { url, process } = await startBareWorker({}, config);
  const hash = async (): Promise<void> => {
    const response = await fetch(`${url}/${variant}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${variant}: ${response.status} ${text}`);
  };
  await hash();
  return { variant, hash, pid: process.pid };
};

runProgram(async () => {
  readOptions({}, usage);
  const compare = async (stack: BenchStack): Promise<void> => {
    const [reused, plain] = [await startVariant(stack, 'reused'), await startVariant(stack, 'plain')];
    for (const concurrency of concurrencies) {
      const rounds = await measurePairs(
        () => rateOf(reused.hash, { concurrency, roundMs }),
        () => rateOf(plain.hash, { concurrency, roundMs }),
        measuring,
      );
      const name = `Argon2id, m=19456 KiB, t=2, p=1: reused / plain, ${concurrency} at a time`;
      reportPairs(name, rounds, { unit: 'hashes a second', goal });
      console.log(`   peak of workerd: ${peakOf(reused.pid)} / ${peakOf(plain.pid)}`);
    }
  };
  await withStack(compare, { limitMs: 120_000 });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CliError, runProgram } from '../program/cli.ts';
import { measurePairs, reportPairs } from './report-pairs.ts';
import { type BenchStack, withoutLimits, withStack } from './stack.ts';
import type { Pair } from './statistics.ts';
import {
  accountsPerKind,
  type Contrast,
  contrasts,
  post,
  prepareAccounts,
  type Send,
} from './timing-contrasts.ts';

// npm run bench:timing [-- --parallel 30 login forgot …]: can a stopwatch tell a known account from an unknown one (OWASP
// ASVS 5.0, 6.3.8)? Without names it measures everything. With `--parallel`, a measurement is that many requests for one
// account at once, each from a network of its own, until the last is answered.

const pairCount = 400;
/** Sent first, unmeasured: they wake up the objects that count attempts. */
const warmUpCount = 20;
/** A contrast takes no longer, and three times as long in parallel; a slow machine measures fewer pairs. */
const contrastMs = 60_000;
const goal: Pair = [0.95, 1.05];

const measure = async (url: string, contrast: Contrast, parallel: number): Promise<Pair[]> => {
  const { status, one, other, before, settleMs } = contrast;
  const time = async (send: Send, turn: number): Promise<number> => {
    const request = send(turn % accountsPerKind);
    if (before) {
      // From elsewhere: the guess that follows is the first one of its network.
      await (await post(url, before(turn % accountsPerKind), `192.0.2.${turn % warmUpCount}`)).text();
      await sleep(settleMs);
    }
    const startMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: parallel }, async (_, index) => {
        const response = await post(url, request, `198.51.${100 + index}.${turn % warmUpCount}`);
        return { status: response.status, text: await response.text() };
      }),
    );
    const endMs = performance.now();
    const wrong = answers.find((answer) => answer.status !== status);
    if (wrong) throw new Error(`${request.path}: ${wrong.status} ${wrong.text}`);
    await sleep(settleMs);
    return endMs - startMs;
  };

  return measurePairs(
    (turn) => time(one, turn),
    (turn) => time(other, turn),
    parallel === 1
      ? { pairs: pairCount, warmUp: warmUpCount, limitMs: contrastMs }
      : { pairs: pairCount, warmUp: 2, limitMs: 3 * contrastMs },
  );
};

const chosen = (keys: readonly string[]): readonly Contrast[] => {
  const unknown = keys.find((key) => !contrasts.some((contrast) => contrast.key === key));
  if (unknown !== undefined) {
    throw new CliError(`Unknown: ${unknown}. There are ${contrasts.map(({ key }) => key).join(', ')}.`);
  }
  return keys.length === 0 ? contrasts : contrasts.filter(({ key }) => keys.includes(key));
};

const run = async (
  { startWorker, endpointUrl }: BenchStack,
  measured: readonly Contrast[],
  parallel: number,
): Promise<void> => {
  const { url } = await startWorker({ ...withoutLimits, EMAIL_VERIFICATION: 'required' });
  await prepareAccounts(endpointUrl);
  for (const contrast of measured) reportPairs(contrast.name, await measure(url, contrast, parallel), goal);
};

runProgram(async () => {
  const { values, positionals } = parseArgs({
    options: { parallel: { type: 'string', default: '1' } },
    allowPositionals: true,
  });
  const parallel = Number(values.parallel);
  if (!(parallel >= 1 && parallel <= 100)) throw new CliError('--parallel wants a number from 1 to 100.');
  const measured = chosen(positionals);
  await withStack((stack) => run(stack, measured, parallel));
});

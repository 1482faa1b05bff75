import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram, Sentence } from '../stack/sentence.ts';
import { type BenchStack, withoutLimits, withStack } from './stack.ts';
import { median, type Pair, ratioInterval, ratioOfMedians } from './statistics.ts';
import {
  accountsPerKind,
  type Contrast,
  contrasts,
  post,
  prepareAccounts,
  type Send,
} from './timing-contrasts.ts';

// npm run bench:timing [-- login forgot …]: can a stopwatch tell a known account from an unknown one (OWASP
// ASVS 5.0, 6.3.8)? Without names it measures everything.

const pairCount = 400;
/** Sent first, unmeasured: they wake up the objects that count attempts. */
const warmUpCount = 20;
/** A contrast takes no longer; a slow machine measures fewer pairs. */
const contrastMs = 60_000;
const goal: Pair = [0.95, 1.05];

const measure = async (url: string, contrast: Contrast): Promise<Pair[]> => {
  const { status, one, other, settleMs } = contrast;
  const time = async (send: Send, turn: number): Promise<number> => {
    const request = send(turn % accountsPerKind);
    const startMs = performance.now();
    const response = await post(url, request, `198.51.100.${turn % warmUpCount}`);
    const text = await response.text();
    const endMs = performance.now();
    if (response.status !== status) throw new Error(`${request.path}: ${response.status} ${text}`);
    await sleep(settleMs);
    return endMs - startMs;
  };

  const pairs: Pair[] = [];
  const deadlineMs = performance.now() + contrastMs;
  for (let turn = 0; turn < warmUpCount + pairCount && performance.now() < deadlineMs; turn++) {
    // The order is drawn for each pair, so that neither kind always comes after the other.
    const isSwapped = Math.random() < 0.5;
    const first = await time(isSwapped ? other : one, turn);
    const second = await time(isSwapped ? one : other, turn);
    if (turn >= warmUpCount) pairs.push(isSwapped ? [second, first] : [first, second]);
  }
  return pairs;
};

/** An interval wider than the goal says nothing about it. */
const report = (name: string, pairs: readonly Pair[]): void => {
  const ratio = ratioOfMedians(pairs);
  const [low, high] = ratioInterval(pairs);
  const [one, other] = [0, 1].map((at) => median(pairs.map((pair) => pair[at] ?? 0)).toFixed(2));
  const isBlurred = high - low > goal[1] - goal[0];
  const isReached = ratio >= goal[0] && ratio <= goal[1];
  const verdict = isBlurred ? 'not to be told on so busy a machine' : isReached ? 'reached' : 'missed';
  console.log(name);
  console.log(`   ${pairs.length} pairs, medians ${one} ms / ${other} ms`);
  console.log(
    `   ratio ${ratio.toFixed(3)}, 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)} ` +
      `(goal ${goal.join(' to ')}, ${verdict})`,
  );
};

const chosen = (keys: readonly string[]): readonly Contrast[] => {
  const unknown = keys.find((key) => !contrasts.some((contrast) => contrast.key === key));
  if (unknown !== undefined) {
    throw new Sentence(`Unknown: ${unknown}. There are ${contrasts.map(({ key }) => key).join(', ')}.`);
  }
  return keys.length === 0 ? contrasts : contrasts.filter(({ key }) => keys.includes(key));
};

const run = async (
  { startWorker, endpointUrl }: BenchStack,
  measured: readonly Contrast[],
): Promise<void> => {
  const { url } = await startWorker({ ...withoutLimits, EMAIL_VERIFICATION: 'required' });
  await prepareAccounts(url, endpointUrl);
  for (const contrast of measured) report(contrast.name, await measure(url, contrast));
};

runProgram(async () => {
  const measured = chosen(process.argv.slice(2));
  await withStack((stack) => run(stack, measured));
});

import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, runProgram } from '../program/cli.ts';
import { readArguments } from '../program/options.ts';
import { measurePairs, reportPairs } from './ratios.ts';
import { withoutLimits, withStack } from './stack.ts';
import {
  accountsPerKind,
  type Contrast,
  contrasts,
  post,
  prepareAccounts,
  type Send,
} from './timing-contrasts.ts';

const usage = `npm run bench:timing [-- --parallel N] [name …]
  Whether a stopwatch can tell a known account from an unknown one (OWASP ASVS 5.0, 6.3.8). Without names it measures
  everything: ${contrasts.map(({ key }) => key).join(', ')}.
  --parallel  a measurement is that many requests for one account at once, each from a network of its own, until the
              last is answered`;

/** Sent first, unmeasured: they wake up the objects that count attempts. */
const warmUpCount = 20;
const single = { pairs: 400, warmUp: warmUpCount, limitMs: 60_000 };
const parallelBursts = { pairs: 400, warmUp: 2, limitMs: 180_000 };
const goal = [0.95, 1.05] as const;
/** So that all parallel requests find room in the queue of hashes; a shorter hash also hides less. */
const shortHashes = { ARGON2_MEMORY_KIB: '7168', ARGON2_ITERATIONS: '1' };

const measure = async (url: string, contrast: Contrast, parallel: number) => {
  const { status, one, other, before, settleMs = 25 } = contrast;
  const time = async (send: Send, turn: number): Promise<number> => {
    const request = send(turn % accountsPerKind);
    if (before) {
      // From another network: the guess that follows is the first one of its own.
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
    parallel === 1 ? single : parallelBursts,
  );
};

const chosen = (keys: readonly string[]): readonly Contrast[] => {
  const unknown = keys.find((key) => !contrasts.some((contrast) => contrast.key === key));
  if (unknown !== undefined) throw new CliError(`Unknown name: ${unknown}\n\n${usage}`);
  return keys.length === 0 ? contrasts : contrasts.filter(({ key }) => keys.includes(key));
};

runProgram(async () => {
  const options = { parallel: { type: 'string', default: '1' } } as const;
  const { values, positionals } = readArguments(options, usage);
  const parallel = Number(values.parallel);
  if (!(parallel >= 1 && parallel <= 100)) throw new CliError('--parallel wants a number from 1 to 100.');
  const measured = chosen(positionals);
  await withStack(async ({ startWorker, endpointUrl }) => {
    const hashes = parallel > 1 ? shortHashes : {};
    const { url } = await startWorker({ ...withoutLimits, ...hashes, EMAIL_VERIFICATION: 'required' });
    await prepareAccounts(endpointUrl, hashes);
    for (const contrast of measured)
      reportPairs(contrast.name, await measure(url, contrast, parallel), { unit: 'ms', goal });
  });
});

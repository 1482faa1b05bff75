import { styleText } from 'node:util';
import { runWrangler, wranglerReason } from './program/child.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';

const usage = `npm run build:budget
  Builds the Worker for staging and production, as a deployment does, and refuses a bundle over its budget.`;

/** Without the password dictionary, which is a static asset; Cloudflare's own limits are 3 MB and 10 MB. */
const budgetKib = 400;

runProgram(async () => {
  readOptions({}, usage);
  let isOver = false;
  for (const env of ['staging', 'production']) {
    const kib = await gzippedKib(env);
    const isLarge = kib > budgetKib;
    isOver ||= isLarge;
    const mark = styleText(isLarge ? 'red' : 'green', isLarge ? '✗' : '✓');
    const share = `${Math.round((kib / budgetKib) * 100)} % of ${budgetKib} KiB`;
    console.log(`${mark} ${env}: ${kib} KiB gzipped, ${share}`);
  }
  if (isOver)
    throw new CliError(
      'The bundle is over its budget. Its contents are listed in dist/<environment>/index.js.map.',
    );
});

/** As wrangler counts the bytes that it would upload. */
const gzippedKib = async (env: string): Promise<number> => {
  const run = await runWrangler(['deploy', '--dry-run', '--outdir', `dist/${env}`, '--env', env]);
  const [, kib] = /gzip: ([\d.]+) KiB/.exec(run.stdout) ?? [];
  if (run.status !== 0) throw new CliError(`The build for ${env} fails: ${wranglerReason(run)}`);
  if (kib === undefined) throw new CliError('wrangler does not say how large the bundle is.');
  return Number(kib);
};

import { expect, test } from 'vitest';
import { runScript } from '../../scripts/program/child.ts';
import { createStandInWrangler } from '../support/node/stand-in-wrangler.ts';

const sizes = (staging: string, production: string) => ({
  'deploy --dry-run --outdir dist/staging --env staging': `Total Upload: 2000.00 KiB / gzip: ${staging} KiB\n`,
  'deploy --dry-run --outdir dist/production --env production': `Total Upload: 2000.00 KiB / gzip: ${production} KiB\n`,
});

test.each([
  ['within the budget', sizes('399.99', '400'), 0, /staging: 399.99 KiB gzipped, 100 % of 400 KiB/],
  ['over it in one environment', sizes('320', '400.01'), 1, /✗ production: 400.01 KiB/],
  ['without a figure', { deploy: 'Total Upload: none' }, 1, /does not say how large/],
  [
    'that does not build',
    { deploy: { fails: 'Could not resolve "x"' } },
    1,
    /build for staging fails: Could not resolve "x"/,
  ],
])('a bundle %s', async (_, answers, status, said) => {
  const wrangler = await createStandInWrangler(answers);
  const run = await runScript(['scripts/check-bundle.ts'], wrangler.env);
  await wrangler.close();
  expect(run.status).toBe(status);
  expect(run.stdout + run.stderr).toMatch(said);
});

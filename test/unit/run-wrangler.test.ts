import { afterEach, expect, it, vi } from 'vitest';
import { runWrangler, wranglerReason } from '../../scripts/program/child.ts';
import { createStandInWrangler } from '../support/node/stand-in-wrangler.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('runWrangler ends a wrangler that hangs, and says that it may have done what it was asked', async () => {
  const wrangler = await createStandInWrangler({ whoami: { says: 'me', afterMs: 60_000 } });
  vi.stubEnv('PATH', wrangler.env.PATH);
  const run = await runWrangler(['whoami'], { timeoutMs: 500 });
  expect(run.status).toBeNull();
  expect(wranglerReason(run)).toMatch(/^no answer within 0.5 seconds; .* may be done all the same/);
  await wrangler.close();
});

import type { TestProject } from 'vitest/node';
import { findFreePort } from '../../scripts/stack/service-process.ts';
import { chromiumPlaces, findChromium } from '../support/node/browser.ts';
import { startStack } from '../support/node/stack.ts';
import { serveSite } from './site.ts';

/** Itsor, the frontend that it allows, and a server whose pages nobody has allowed. */
export type Stage = {
  readonly chromiumPath: string;
  readonly apiPort: number;
  readonly frontendPort: number;
  readonly foreignPort: number;
};

declare module 'vitest' {
  interface ProvidedContext {
    /** null where there is no browser. */
    stage: Stage | null;
  }
}

export default async ({ provide }: TestProject) => {
  const chromiumPath = findChromium();
  if (chromiumPath === null) {
    console.log(`No Chromium (looked at ${chromiumPlaces().join(', ')}): the browser tests are skipped.`);
    provide('stage', null);
    return undefined;
  }

  await using started = new AsyncDisposableStack();
  const [port, frontendPort, foreignPort] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  for (const each of [frontendPort, foreignPort]) {
    const site = await serveSite(each);
    started.defer(site.close);
  }
  const stack = await startStack({
    port,
    env: {
      APP_URL: `http://localhost:${port}`,
      ALLOWED_ORIGINS: `http://app.itsor.localhost:${frontendPort}`,
      RATE_LIMIT_MAX: '100000', // every request of a run comes from one address
      ARGON2_MEMORY_KIB: '7168',
      ARGON2_ITERATIONS: '1',
    },
  });
  started.defer(() => stack.stop());

  provide('stage', { chromiumPath, apiPort: Number(new URL(stack.url).port), frontendPort, foreignPort });
  const running = started.move();
  return () => running.disposeAsync();
};

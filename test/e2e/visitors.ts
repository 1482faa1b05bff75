import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { launchChromium } from '../support/node/browser.ts';

export const stage = inject('stage') ?? { chromiumPath: '', apiPort: 0, frontendPort: 0, foreignPort: 0 };
export const hasBrowser = inject('stage') !== null;

// Cookies know no ports: pages of one host name share them, and `localhost` is a site of its own.
export const api = `http://localhost:${stage.apiPort}`;
export const frontend = `http://localhost:${stage.frontendPort}`;

/** A browser for the file, and per visit a profile without cookies that ends with the test. */
export const useBrowser = () => {
  let browser: Browser | undefined;
  let contexts: BrowserContext[] = [];

  beforeAll(async () => {
    if (hasBrowser) browser = await launchChromium(stage.chromiumPath);
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });
  afterAll(() => browser?.close());

  return async (url: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> => {
    if (!browser) throw new Error('no browser');
    const context = await browser.newContext(options);
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  };
};

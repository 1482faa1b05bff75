import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { launchChromium } from '../support/node/browser.ts';

export const stage = inject('stage') ?? { chromiumPath: '', apiPort: 0, frontendPort: 0, foreignPort: 0 };
export const hasBrowser = inject('stage') !== null;

// A browser sends every name below .localhost to this machine. A local service allows each port of localhost itself, so
// the API and its frontend have names at which a page of the same site can be a stranger.
export const site = 'itsor.localhost';
export const apiHost = `api.${site}`;
export const api = `http://${apiHost}:${stage.apiPort}`;
export const frontend = `http://app.${site}:${stage.frontendPort}`;
/** The API for Node, which asks the system's resolver. */
export const directApi = `http://localhost:${stage.apiPort}`;

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

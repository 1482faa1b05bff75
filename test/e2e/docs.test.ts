import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { isTaken, newEmail, password } from './accounts.ts';
import { api, directApi, hasBrowser, useBrowser } from './visitors.ts';

const visit = useBrowser();

/** A page of the documentation, and all that went wrong on it. */
const openDocs = async (path: string, options: Parameters<typeof visit>[1] = {}) => {
  const page = await visit('about:blank', options);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${api}/`) && !url.startsWith('data:')) complaints.push(`asks ${url}`);
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
      console.error(`violates ${effectiveDirective}: ${blockedURI}`),
    );
  });
  await page.goto(api + path, { waitUntil: 'networkidle' });
  return { page, complaints };
};

const tryOut = async (page: Page, operation: string, body?: string) => {
  const block = page.locator('.opblock').filter({ has: page.locator(`[data-path="${operation}"]`) });
  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Try it out' }).click();
  if (body !== undefined) await block.locator('textarea').fill(body);
  await block.getByRole('button', { name: 'Execute' }).click();
  return block.locator('.live-responses-table .response').innerText();
};

describe.skipIf(!hasBrowser)('/docs', () => {
  it('shows every operation, asks no other host and breaks no rule of its policy', async () => {
    const { page, complaints } = await openDocs('/docs');
    const { paths } = (await (await fetch(`${directApi}/openapi.json`)).json()) as { paths: object };
    const operations = Object.values(paths).flatMap((methods) => Object.keys(methods));
    // The document is here before it is drawn.
    await page.locator('.opblock').first().waitFor();
    expect(await page.locator('.opblock').count()).toBe(operations.length);
    expect(complaints).toEqual([]);
  });

  it('signs up by "Try it out", and reads with the cookie who that is', async () => {
    const { page, complaints } = await openDocs('/docs');
    const email = newEmail();
    expect(await tryOut(page, '/auth/signup', JSON.stringify({ email, password }))).toMatch(/^201/);
    expect(await isTaken(email)).toBe(true);
    const me = await tryOut(page, '/auth/me');
    expect(me).toMatch(/^200/);
    expect(me).toContain(email);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['dark letters', 'light'],
    ['light letters', 'dark'],
  ] as const)('is written in %s where the visitor prefers a %s page', async (_, colorScheme) => {
    const { page } = await openDocs('/docs', { colorScheme });
    const color = await page.locator('.info .title').evaluate((title) => getComputedStyle(title).color);
    const brightest = Math.max(...(color.match(/\d+/g) ?? []).map(Number));
    expect(brightest > 128).toBe(colorScheme === 'dark');
  });
});

describe.skipIf(!hasBrowser)('/docs/errors', () => {
  it('leads the type of a problem to its row', async () => {
    const problem = (await (await fetch(`${directApi}/auth/me`)).json()) as { type: string; title: string };
    const { page, complaints } = await openDocs(problem.type);
    const row = page.locator(':target');
    expect(await row.innerText()).toContain(problem.title);
    expect(complaints).toEqual([]);
  });

  it('shows the row of rate_limited, on a phone without scrolling sideways', async () => {
    const { page } = await openDocs('/docs/errors#rate_limited', { viewport: { width: 390, height: 844 } });
    const row = page.locator('#rate_limited');
    expect(await row.innerText()).toContain('429');
    const { top, bottom } = await row.evaluate((element) => element.getBoundingClientRect());
    expect(top).toBeGreaterThanOrEqual(0);
    expect(bottom).toBeLessThanOrEqual(844);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });
});

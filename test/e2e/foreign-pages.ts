import type { Frame, Page } from 'playwright-core';
import { site, stage } from './visitors.ts';

/** Another site than the API's, and another name of the same site, where SameSite holds no cookie back. */
export const otherSite = `http://evil.localhost:${stage.foreignPort}`;
export const otherOrigin = `http://evil.${site}:${stage.foreignPort}`;

const visit = async (page: Page, url: string): Promise<Frame> => {
  await page.goto(url);
  return page.mainFrame();
};

const openSandbox = async (parent: Frame): Promise<Frame> => {
  const element = await parent.evaluateHandle(() => {
    const iframe = document.createElement('iframe');
    iframe.setAttribute('sandbox', 'allow-scripts allow-forms allow-top-navigation');
    iframe.srcdoc = '<!doctype html>';
    document.documentElement.append(iframe);
    return new Promise<HTMLIFrameElement>((resolve) => {
      iframe.onload = () => resolve(iframe);
    });
  });
  const frame = await element.contentFrame();
  if (!frame) throw new Error('the sandboxed frame has not loaded');
  return frame;
};

/** Pages that nobody has allowed; each opens in a tab and yields the frame that acts. */
export const foreignPages: Readonly<Record<string, (page: Page) => Promise<Frame>>> = {
  'another site': (page) => visit(page, otherSite),
  'another origin of the same site': (page) => visit(page, otherOrigin),
  'a sandboxed frame, whose origin is null': async (page) => openSandbox(await visit(page, otherOrigin)),
  'a page without referrer, whose forms have the origin null': (page) =>
    visit(page, `${otherOrigin}/no-referrer`),
};

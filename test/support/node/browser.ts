import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

// A sandbox needs a kernel that allows it, which a container rarely has; only our own pages are opened.
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where a Chromium is looked for: CHROMIUM_PATH alone when it is set. */
export const chromiumPlaces = (): readonly string[] =>
  process.env.CHROMIUM_PATH ? [process.env.CHROMIUM_PATH] : usualPlaces;

export const findChromium = (): string | null => chromiumPlaces().find((path) => existsSync(path)) ?? null;

export const launchChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: flags });

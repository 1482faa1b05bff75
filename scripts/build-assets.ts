import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';

// The static assets of the Worker, for wrangler's `[build]` and for the tests.

const root = fileURLToPath(new URL('..', import.meta.url));

/** Where each file comes from. The Worker serves no other file. */
const assets = {
  'openapi.json': 'docs/openapi.json',
  'swagger-ui.css': 'node_modules/swagger-ui-dist/swagger-ui.css',
  'swagger-ui-bundle.js': 'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
} as const;

export const buildAssets = (): void => {
  for (const [name, source] of Object.entries(assets)) {
    const target = `${root}dist/assets/${name}`;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(`${root}${source}`, target);
  }
};

const usage = `node scripts/build-assets.ts
  Copies the static assets of the Worker to dist/assets, as wrangler asks before it builds.`;

if (import.meta.main)
  runProgram(async () => {
    readOptions({}, usage);
    buildAssets();
  });

import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

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

if (import.meta.main) buildAssets();

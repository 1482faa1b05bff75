import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openApiDocument } from '../../scripts/docs/openapi.ts';

it('docs/openapi.json is what `npm run docs:openapi` writes', async () => {
  expect(readFileSync('docs/openapi.json', 'utf8')).toBe(await openApiDocument());
});

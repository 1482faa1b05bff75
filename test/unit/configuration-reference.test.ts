import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configurationReference } from '../../scripts/docs/configuration.ts';

it('docs/configuration.md says what the table of variables says; npm run docs:configuration writes it', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationReference());
});

import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { envLines } from '../../scripts/secrets/env-file.ts';

it('reads back what was written, or refuses to write it', () => {
  const value = fc.string({ unit: fc.constantFrom('a', '#', '"', "'", '`', ' ', '\\', 'n', '\n', '=', '$') });
  fc.assert(
    fc.property(value, value, (one, two) => {
      let text: string;
      try {
        text = envLines({ ONE: one, TWO: two, GONE: null });
      } catch (error) {
        expect(String(error)).toContain('an .env file cannot hold');
        return;
      }
      expect({ ...parseEnv(text) }).toEqual({ ONE: one, TWO: two });
    }),
  );
});

it.each(['with # a hash', ' spaces ', 'it\'s "quoted"', 'a\\nb'])('writes %j', (value) => {
  expect(parseEnv(envLines({ ONE: value })).ONE).toBe(value);
});

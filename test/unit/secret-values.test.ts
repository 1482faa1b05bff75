import { generateKeyPairSync } from 'node:crypto';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { envLines, withoutValues } from '../../scripts/secrets/values.ts';

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

const pem = String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
const [, body = ''] = pem.split('\n');

it.each([
  ['whole', pem],
  ['as JSON has it', JSON.stringify({ JWT_PRIVATE_KEY: pem })],
  ['by one line', `line 2: ${body}`],
])('redacts a key that is quoted %s', (_, quoted) => {
  expect(withoutValues(quoted, [pem])).toContain('[redacted]');
  expect(withoutValues(quoted, [pem])).not.toContain(body);
});

it('redacts each entry of a list, and leaves a sentence where there is no value', () => {
  expect(withoutValues('took one-of-two', ['one-of-two,the-other'])).toBe('took [redacted]');
  expect(withoutValues('Authentication error', ['', pem])).toBe('Authentication error');
});

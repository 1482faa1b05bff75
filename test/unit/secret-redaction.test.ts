import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { withoutValues } from '../../scripts/secrets/redaction.ts';

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

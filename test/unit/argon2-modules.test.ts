import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import recorded from '../../src/passwords/argon2/modules.json' with { type: 'json' };

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url));

const describeBytes = (bytes: Buffer) => ({
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

describe('the WASM modules of Argon2', () => {
  it('are the only ones that the installed hash-wasm embeds (if not, read its changes and run npm run argon2:extract)', () => {
    const installed = read('node_modules/hash-wasm/dist/argon2.umd.min.js').toString('utf8');
    // WASM in base64 begins with AGFzbQ: a zero byte and "asm".
    const embedded = [...installed.matchAll(/"(AGFzbQ[A-Za-z0-9+/]+={0,2})"/g)];
    const found = embedded.map(([, base64 = '']) => describeBytes(Buffer.from(base64, 'base64')));
    expect(found).toEqual([recorded.argon2, recorded.blake2b]);
  });

  it.each(['argon2', 'blake2b'] as const)('%s.wasm has the recorded size and checksum', (name) => {
    expect(describeBytes(read(`src/passwords/argon2/${name}.wasm`))).toEqual(recorded[name]);
  });

  it('differ in size', () => expect(recorded.argon2.bytes).not.toBe(recorded.blake2b.bytes));
});

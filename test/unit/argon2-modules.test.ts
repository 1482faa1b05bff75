import installed from 'hash-wasm/dist/argon2.umd.min.js?raw';
import { describe, expect, it } from 'vitest';
import argon2 from '../../src/adapters/argon2/argon2.wasm?url&inline';
import blake2b from '../../src/adapters/argon2/blake2b.wasm?url&inline';
import recorded from '../../src/adapters/argon2/modules.json';

const describeBytes = async (base64: string) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { bytes: bytes.length, sha256 };
};

/** WASM in base64 begins with AGFzbQ: a zero byte and "asm". */
const embedded = [...installed.matchAll(/"(AGFzbQ[A-Za-z0-9+/]+={0,2})"/g)].map(([, base64]) => base64 ?? '');

describe('the WASM modules of Argon2', () => {
  it('are the only ones that the installed hash-wasm embeds: else read its changes and extract again', async () => {
    expect(await Promise.all(embedded.map(describeBytes))).toEqual([recorded.argon2, recorded.blake2b]);
  });

  it.each([
    ['argon2', argon2, recorded.argon2],
    ['blake2b', blake2b, recorded.blake2b],
  ])('%s.wasm is what was recorded', async (_, dataUrl, expected) => {
    expect(await describeBytes(dataUrl.split(',')[1] ?? '')).toEqual(expected);
  });

  it('are told apart by their size', () => expect(recorded.argon2.bytes).not.toBe(recorded.blake2b.bytes));
});

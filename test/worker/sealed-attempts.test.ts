import { EncryptJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import { createSealKeys } from '../../src/platform/crypto/derived-keys.ts';
import { createSealedAttempts } from '../../src/sso/sealed-attempts.ts';

const secret = new Secret('the secret of these tests');
const { seal, open, sealResult, openResult } = createSealedAttempts([secret]);
const now = new Date('2026-11-20T10:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const attempt = { provider: 'acme', state: 's1', nonce: 'n1', codeVerifier: 'v1', returnTo: '/account' };
const answered = { provider: 'acme', state: 's1' };

describe('the sealed result of an attempt', () => {
  const result = { provider: 'acme', state: 's1', returnTo: '/account', sessionId: 'a session' };

  it('opens for its provider and state for ten minutes', async () => {
    const sealed = await sealResult(result, now);
    expect(await openResult(sealed, answered, later(599))).toMatchObject(result);
    expect(await openResult(sealed, answered, later(600))).toBeNull();
    expect(await openResult(sealed, { ...answered, state: 's2' }, now)).toBeNull();
    expect(await openResult(sealed, { ...answered, provider: 'other' }, now)).toBeNull();
  });

  it('does not open as an attempt, nor an attempt as a result', async () => {
    const both = { ...attempt, ...result };
    expect(await open(await sealResult(both, now), answered, now)).toBeNull();
    expect(await openResult(await seal(both, now), answered, now)).toBeNull();
  });
});

describe('a sealed attempt', () => {
  it('opens unchanged for ten minutes', async () => {
    const sealed = await seal(attempt, now);
    expect(await open(sealed, answered, later(599))).toMatchObject(attempt);
    expect(await open(sealed, answered, later(600))).toBeNull();
  });

  it.each([
    ['another state', { ...answered, state: 's2' }],
    ['no state', { ...answered, state: '' }],
    ['the beginning of the state', { ...answered, state: 's' }],
    ['another provider', { ...answered, provider: 'other' }],
  ])('does not open for %s', async (_, other) => {
    expect(await open(await seal(attempt, now), other, now)).toBeNull();
  });

  it('is sealed anew each time, and opens with a previous secret too', async () => {
    const sealed = await seal(attempt, now);
    expect(await seal(attempt, now)).not.toBe(sealed);
    const next = new Secret('the next secret');
    expect(await createSealedAttempts([next, secret]).open(sealed, answered, now)).not.toBeNull();
    expect(await createSealedAttempts([next]).open(sealed, answered, now)).toBeNull();
  });

  it('does not open once one of its characters is changed', async () => {
    const sealed = await seal(attempt, now);
    for (let at = 0; at < sealed.length; at += 7) {
      // The last character of a part has bits that mean nothing.
      if (!/^[\w-]$/.test(sealed[at + 1] ?? '')) continue;
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(await open(sealed.slice(0, at) + other + sealed.slice(at + 1), answered, now)).toBeNull();
    }
  });

  it('does not open without an expiry or without a member', async () => {
    const [key] = await createSealKeys([secret], 'sign-on-attempt')();
    if (!key) throw new Error('no key');
    const { nonce: _, ...parts } = attempt;
    const header = { alg: 'dir', enc: 'A256GCM' };
    const endless = await new EncryptJWT(attempt).setProtectedHeader(header).encrypt(key);
    const partial = await new EncryptJWT(parts)
      .setProtectedHeader(header)
      .setExpirationTime(later(60))
      .encrypt(key);
    for (const sealed of [endless, partial]) expect(await open(sealed, answered, now)).toBeNull();
  });

  it('is sealed with a key of its own', async () => {
    const [key] = await createSealKeys([secret], 'upload-url')();
    if (!key) throw new Error('no key');
    const sealed = await new EncryptJWT(attempt)
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(later(60))
      .encrypt(key);
    expect(await open(sealed, answered, now)).toBeNull();
  });
});

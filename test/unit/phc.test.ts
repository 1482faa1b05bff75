import { describe, expect, it } from 'vitest';
import { formatPhc, isOutdated, type PhcHash, parsePhc } from '../../src/passwords/rules/phc.ts';

const salt = 'c2FsdHNhbHRzYWx0c2FsdA';
const tag = 'PNNWpj5nn0DxqPaTr9GUu6HJxDhmXCaCpODxMCbzh2U';
const costs = 'm=19456,t=2,p=1';
const canonical = `$argon2id$v=19$${costs}$${salt}$${tag}`;

const today = { memoryKib: 19_456, iterations: 2, parallelism: 1 };

const stored = (change: Partial<PhcHash> = {}): PhcHash => ({
  parameters: today,
  salt: new Uint8Array(16),
  tag: new Uint8Array(32),
  ...change,
});

const withCosts = (text: string) => `$argon2id$v=19$${text}$${salt}$${tag}`;

describe('parsePhc', () => {
  it('reads costs, salt and tag', () => {
    const hash = parsePhc(canonical);
    expect(hash?.parameters).toEqual(today);
    expect(new TextDecoder().decode(hash?.salt)).toBe('saltsaltsaltsalt');
    expect(hash?.tag).toHaveLength(32);
  });

  it('formats a parsed string as it was', () => {
    const hash = parsePhc(canonical);
    expect(hash && formatPhc(hash)).toBe(canonical);
  });

  it('keeps bytes of every value and of every length modulo 3', () => {
    for (const length of [16, 17, 18]) {
      const hash = stored({
        salt: Uint8Array.from({ length }, (_, index) => 255 - index),
        tag: Uint8Array.from({ length: length + 14 }, (_, index) => (index * 37) % 256),
      });
      expect(parsePhc(formatPhc(hash))).toEqual(hash);
    }
  });

  it.each([
    ['the largest costs of the configuration', 'm=65536,t=10,p=1'],
    ['the smallest costs of RFC 9106', 'm=8,t=1,p=1'],
    ['four lanes', 'm=32,t=1,p=4'],
  ])('accepts %s', (_, text) => expect(parsePhc(withCosts(text))).toBeDefined());

  it.each([
    ['more memory than the configuration permits', 'm=65537,t=2,p=1'],
    ['4 GiB of memory', 'm=4194304,t=2,p=1'],
    ['more than ten iterations', 'm=19456,t=11,p=1'],
    ['10,000 iterations', 'm=19456,t=10000,p=1'],
    ['more than four lanes', 'm=19456,t=2,p=5'],
    ['less than 8 KiB a lane', 'm=31,t=1,p=4'],
    ['no iterations', 'm=19456,t=0,p=1'],
    ['a leading zero', 'm=019456,t=2,p=1'],
    ['a sign', 'm=+19456,t=2,p=1'],
    ['a fraction', 'm=19456.5,t=2,p=1'],
    ['another order', 't=2,m=19456,p=1'],
    ['a missing cost', 'm=19456,t=2'],
    ['an unknown cost', 'm=19456,t=2,p=1,data=AAAA'],
    ['white space', 'm=19456, t=2,p=1'],
  ])('refuses %s', (_, text) => expect(parsePhc(withCosts(text))).toBeUndefined());

  it.each([
    ['nothing', ''],
    ['a plain word', 'password'],
    ['Argon2i', canonical.replace('argon2id', 'argon2i')],
    ['bcrypt', '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'],
    ['version 0x10', canonical.replace('v=19', 'v=16')],
    ['no version', canonical.replace('v=19$', '')],
    ['a salt below 8 bytes', `$argon2id$v=19$${costs}$c2FsdA$${tag}`],
    ['a salt that is too long', `$argon2id$v=19$${costs}$${'A'.repeat(68)}$${tag}`],
    ['a tag below 16 bytes', `$argon2id$v=19$${costs}$${salt}$c2FsdHNhbHQ`],
    ['a tag that is too long', `$argon2id$v=19$${costs}$${salt}$${'A'.repeat(100_000)}`],
    ['a tag cut to an impossible length', `$argon2id$v=19$${costs}$${salt}$${'A'.repeat(41)}`],
    ['padding', `${canonical}=`],
    ['base64url', canonical.replace('PNNW', 'PN-_')],
    ['a tag whose spare bits are set', canonical.replace(/U$/, 'V')],
    ['a salt whose spare bits are set', canonical.replace(salt, salt.replace(/A$/, 'B'))],
    ['something before it', ` ${canonical}`],
    ['a line break after it', `${canonical}\n`],
    ['something after it', `${canonical}$`],
  ])('refuses %s', (_, text) => expect(parsePhc(text)).toBeUndefined());
});

describe('isOutdated', () => {
  it('is false for the costs and lengths of today', () => expect(isOutdated(stored(), today)).toBe(false));

  it.each([
    ['less memory', stored({ parameters: { ...today, memoryKib: 7168 } })],
    ['more memory', stored({ parameters: { ...today, memoryKib: 65_536 } })],
    ['other iterations', stored({ parameters: { ...today, iterations: 1 } })],
    ['other lanes', stored({ parameters: { ...today, parallelism: 4 } })],
    ['a shorter salt', stored({ salt: new Uint8Array(8) })],
    ['a shorter tag', stored({ tag: new Uint8Array(16) })],
  ])('is true for %s', (_, hash) => expect(isOutdated(hash, today)).toBe(true));
});

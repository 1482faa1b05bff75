import { beforeEach, describe, expect, it } from 'vitest';
import { type Argon2id, createArgon2id } from '../../src/passwords/argon2/argon2id.ts';
import { createInstancePool } from '../../src/passwords/argon2/instance-pool.ts';
import { knownAnswers } from './argon2-known-answers.ts';

const encoder = new TextEncoder();

const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

type KnownAnswer = (typeof knownAnswers)[number];

const [small, usual, large] = [7168, 19_456, 65_536].map((memoryKib) =>
  knownAnswers.find(({ parameters }) => parameters.memoryKib === memoryKib),
) as [KnownAnswer, KnownAnswer, KnownAnswer];

let pool: ReturnType<typeof createInstancePool>;
let argon2id: Argon2id;

beforeEach(() => {
  pool = createInstancePool();
  argon2id = createArgon2id(pool);
});

const computeHex = async ({ password, salt, parameters, tag }: KnownAnswer) =>
  toHex(
    await argon2id({
      password: encoder.encode(password),
      salt: encoder.encode(salt),
      parameters,
      tagBytes: tag.length / 2,
    }),
  );

const heldBytes = () => pool.memories().reduce((total, { buffer }) => total + buffer.byteLength, 0);

describe('Argon2id on reused memory', { timeout: 60_000 }, () => {
  // Proves RFC 9106, 3.2.
  it.each(knownAnswers)('agrees with the reference implementation: $parameters, $password', async (known) => {
    expect(await computeHex(known)).toBe(known.tag);
  });

  // Proves RFC 9106, 3.2.
  it('gives the known answer on calls 1, 2 and 50 of one instance', async () => {
    for (let call = 1; call <= 50; call++) {
      expect(await computeHex(usual), `call ${call}`).toBe(usual.tag);
    }
  });

  it('gives the right answers while parameters change from call to call', async () => {
    for (const known of [usual, small, usual, large, small, usual, ...knownAnswers, usual]) {
      expect(await computeHex(known)).toBe(known.tag);
    }
  });

  // Proves ASVS 15.4.1.
  it('gives 64 concurrent calls the right answers', async () => {
    const calls = Array.from({ length: 64 }, (_, index) => (index % 3 === 0 ? small : usual));
    expect(await Promise.all(calls.map(computeHex))).toEqual(calls.map(({ tag }) => tag));
  });

  it('runs one hash at a time, because all hashes share the lent functions', async () => {
    const another = createArgon2id(createInstancePool());
    const input = { password: encoder.encode('x'), salt: new Uint8Array(16), tagBytes: 32 };
    const hash = (hasher: Argon2id) => hasher({ ...input, parameters: small.parameters });
    const { instantiate } = WebAssembly;
    const tags = await Promise.all([argon2id, another, argon2id, another].map(hash));
    expect(new Set(tags.map(toHex)).size).toBe(1);
    expect(WebAssembly.instantiate).toBe(instantiate);
  });

  // Proves ASVS 15.2.2.
  it('takes no more memory in 200 calls than in the first', async () => {
    await computeHex(small);
    const bytes = heldBytes();
    for (let call = 2; call <= 200; call++) await computeHex(small);
    expect(heldBytes()).toBe(bytes);
  });

  it('never holds more memory than the largest parameters need', async () => {
    for (const known of [small, usual, large]) await computeHex(known);
    const bytes = heldBytes();
    expect(bytes).toBeLessThan((large.parameters.memoryKib + 1024) * 1024);
    for (const known of [small, large, usual, large, small]) await computeHex(known);
    expect(heldBytes()).toBe(bytes);
  });

  it('leaves nothing of the password or of the blocks in memory', async () => {
    await argon2id({
      password: encoder.encode(`${'hay '.repeat(100)}needle`),
      salt: encoder.encode(usual.salt),
      parameters: usual.parameters,
      tagBytes: 32,
    });
    const decoder = new TextDecoder('latin1');
    for (const { buffer } of pool.memories()) expect(decoder.decode(buffer)).not.toContain('needle');
    const [blocks] = pool.memories();
    const written = new Uint8Array(blocks?.buffer ?? new ArrayBuffer(1)).filter((byte) => byte !== 0);
    expect(written.length).toBeLessThan(8 * 1024);
  });

  it('ends in the event in which it begins, so that no cancelled request can leave it half done', async () => {
    await computeHex(small);
    let laterEvent = false;
    const later = scheduler.wait(0).then(() => {
      laterEvent = true;
    });
    await computeHex(small);
    expect(laterEvent).toBe(false);
    await later;
  });
});

describe('after a failure inside the module', { timeout: 60_000 }, () => {
  const askForTooMuch = () =>
    argon2id({
      password: encoder.encode('x'),
      salt: new Uint8Array(16),
      parameters: { memoryKib: 3 * 1024 * 1024, iterations: 1, parallelism: 1 },
      tagBytes: 32,
    });

  it('throws an error that names the memory', () =>
    expect(askForTooMuch()).rejects.toThrow(/cannot get \d+ bytes of memory/));

  it('gives the right answer to the next call and to the waiting ones', async () => {
    expect(await computeHex(usual)).toBe(usual.tag);
    const [failed, ...answers] = await Promise.allSettled([
      askForTooMuch(),
      computeHex(usual),
      computeHex(small),
    ]);
    expect(failed?.status).toBe('rejected');
    expect(answers).toEqual([
      { status: 'fulfilled', value: usual.tag },
      { status: 'fulfilled', value: small.tag },
    ]);
  });

  it('never reuses an instance that may be dirty', async () => {
    await computeHex(usual);
    const [before] = pool.memories();
    await askForTooMuch().catch(() => {});
    expect(pool.memories()).toEqual([]);
    await computeHex(usual);
    expect(pool.memories()).not.toContain(before);
  });
});

describe('the functions of WebAssembly that are lent', () => {
  it('are those of the platform again after a hash and after a failure', async () => {
    const { compile, instantiate } = WebAssembly as typeof WebAssembly & { compile: unknown };
    await computeHex(small);
    expect(WebAssembly).toMatchObject({ compile, instantiate });
    const tooShortSalt = { password: encoder.encode('x'), salt: new Uint8Array(1), tagBytes: 32 };
    await expect(argon2id({ ...tooShortSalt, parameters: small.parameters })).rejects.toThrow();
    expect(WebAssembly).toMatchObject({ compile, instantiate });
  });

  it('serve other code like those of the platform, even during a hash', async () => {
    const others = WebAssembly as typeof WebAssembly & { compile: (bytes: Uint8Array) => Promise<unknown> };
    const hash = computeHex(small);
    const emptyModule = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    await expect(others.compile(emptyModule)).rejects.toThrow(/disallowed by embedder/);
    await expect(WebAssembly.instantiate({} as WebAssembly.Module)).rejects.toThrow(TypeError);
    expect(await hash).toBe(small.tag);
  });
});

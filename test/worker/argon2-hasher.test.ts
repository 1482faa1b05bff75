import { beforeEach, describe, expect, it } from 'vitest';
import { type Argon2idInput, argon2id } from '../../src/passwords/argon2/argon2id.ts';
import {
  type Argon2Config,
  type Argon2HasherOptions,
  createArgon2Hasher,
} from '../../src/passwords/argon2/hasher.ts';
import type { HashCaller } from '../../src/passwords/rules/hash-lane.ts';
import { parsePhc } from '../../src/passwords/rules/phc.ts';

const config: Argon2Config = { memoryKib: 7168, iterations: 1, parallelism: 1 };
const password = 'correct horse battery staple';

/** Everything that was asked of Argon2id: the work done, without a stopwatch. */
let work: Argon2idInput[];

const somebody: HashCaller = { purpose: 'login', network: '192.0.2.1', account: 'ada' };

const createHasher = (options: Argon2HasherOptions = {}, parameters = config) => {
  const hasher = createArgon2Hasher(parameters, {
    digest: (input) => {
      work.push(input);
      return argon2id(input);
    },
    ...options,
  });
  return {
    hash: (given: string) => hasher.hash(given, somebody),
    verify: (given: string, stored: string | null) => hasher.verify(given, stored, somebody),
  };
};

const costOf = ({ parameters, tagBytes }: Argon2idInput) => ({ parameters, tagBytes });

let hasher: ReturnType<typeof createHasher>;
let phc: string;

beforeEach(async () => {
  work = [];
  hasher = createHasher();
  phc = await hasher.hash(password);
  work = [];
});

describe('hashing a password', () => {
  // Proves ASVS 11.4.2.
  it('gives the PHC string that the reference implementation gives', async () => {
    const salted = createHasher(
      { randomBytes: () => new TextEncoder().encode('saltsaltsaltsalt') },
      { memoryKib: 19_456, iterations: 2, parallelism: 1 },
    );
    expect(await salted.hash('pässwörd')).toBe(
      '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$PvSgfyNF2PJwvvyQHhu1Fj1+Y7CWmbCbYhGgqHta9To',
    );
  });

  // Proves ASVS 11.5.1; RFC 9106, 3.1.
  it('uses 16 bytes of fresh salt each time and 32 bytes of tag', async () => {
    const hashes = [phc, await hasher.hash(password)].map((text) => parsePhc(text));
    expect(hashes.map((hash) => [hash?.salt.length, hash?.tag.length])).toEqual([
      [16, 32],
      [16, 32],
    ]);
    expect(hashes[0]?.salt).not.toEqual(hashes[1]?.salt);
  });

  it('refuses an empty password and one of more than 1,024 bytes, which it never cuts', async () => {
    await expect(hasher.hash('')).rejects.toThrow(RangeError);
    await expect(hasher.hash('ä'.repeat(513))).rejects.toThrow(RangeError);
    await expect(hasher.verify('x'.repeat(1025), phc)).rejects.toThrow(RangeError);
    const longest = await hasher.hash('ä'.repeat(512));
    expect(await hasher.verify('ä'.repeat(512), longest)).toMatchObject({ valid: true });
    expect(await hasher.verify(`${'ä'.repeat(511)}ö`, longest)).toMatchObject({ valid: false });
  });

  it('accepts a password that becomes longer than 1,024 bytes in its NFKC form', async () => {
    const expanding = '\u{fdfa}'.repeat(341);
    expect(await hasher.verify(expanding, await hasher.hash(expanding))).toMatchObject({ valid: true });
  });
});

describe('verifying a password', () => {
  it('accepts the right one', async () => {
    expect(await hasher.verify(password, phc)).toEqual({ valid: true, outdated: false });
  });

  it.each(['correct horse battery stapl', 'Correct horse battery staple', `${password}\0`, ' ', ''])(
    'refuses %j',
    async (wrong) => {
      expect(await hasher.verify(wrong, phc)).toMatchObject({ valid: false });
    },
  );

  // Proves ASVS 11.2.4.
  it('refuses the right one when any byte of the tag differs', async () => {
    const tag = phc.slice(phc.lastIndexOf('$') + 1);
    for (const at of [0, 20, tag.length - 2]) {
      const changed = `${tag.slice(0, at)}${tag[at] === 'A' ? 'B' : 'A'}${tag.slice(at + 1)}`;
      expect(await hasher.verify(password, phc.replace(tag, changed))).toMatchObject({ valid: false });
    }
  });

  it('accepts the same password in every way that a keyboard composes it', async () => {
    const composed = await hasher.hash('caf\u{e9} \u{2460}');
    expect(await hasher.verify('cafe\u{301} 1', composed)).toMatchObject({ valid: true });
  });

  it('verifies under the parameters of the PHC string, and says that they are outdated', async () => {
    const earlier = await createHasher({}, { ...config, iterations: 2 }).hash(password);
    work = [];
    expect(await hasher.verify(password, earlier)).toEqual({ valid: true, outdated: true });
    expect(work.map(({ parameters }) => parameters.iterations)).toEqual([2]);
    expect(await hasher.verify('wrong', earlier)).toEqual({ valid: false, outdated: true });
    expect(await hasher.verify(password, phc)).toEqual({ valid: true, outdated: false });
  });
});

// Proves ASVS 6.3.8.
describe('where there is no password to compare with', () => {
  it.each([
    ['no user', null],
    ['an empty column', ''],
    ['a damaged row', '$argon2id$v=19$m=7168,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$'],
    ['another algorithm', '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'],
    [
      'a row that asks for 4 GiB',
      '$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdA',
    ],
    [
      'a row that asks for 10,000 iterations',
      '$argon2id$v=19$m=7168,t=10000,p=1$c2FsdHNhbHRzYWx0c2FsdA$c2FsdHNhbHRzYWx0c2FsdA',
    ],
  ])('refuses %s after the work of a wrong password, even the first time', async (_, absent) => {
    const fresh = createHasher();
    expect(await fresh.verify(password, absent)).toEqual({ valid: false, outdated: false });
    const decoyWork = work.map(costOf);
    work = [];
    await fresh.verify('wrong', phc);
    expect(decoyWork).toEqual(work.map(costOf));
    expect(decoyWork).toHaveLength(1);
  });

  it('does the same work for an empty password', async () => {
    expect(await hasher.verify('', phc)).toEqual({ valid: false, outdated: false });
    expect(work).toHaveLength(1);
  });

  it('never accepts a password, even if the tag of the decoy is known', async () => {
    const forging = createHasher({ digest: async ({ tagBytes }) => new Uint8Array(tagBytes) });
    expect(await forging.verify(password, null)).toMatchObject({ valid: false });
  });
});

describe('many at a time', { timeout: 60_000 }, () => {
  it('gives 64 concurrent calls the right answers', async () => {
    const earlier = await createHasher({}, { ...config, memoryKib: 8192 }).hash(password);
    const calls = Array.from({ length: 64 }, (_, index) => ({
      attempt: index % 2 === 0 ? password : `wrong ${index}`,
      stored: [phc, earlier, null][index % 3] ?? null,
    }));
    const patient = createHasher({ maxWaitMs: 60_000 });
    const answers = await Promise.all(calls.map(({ attempt, stored }) => patient.verify(attempt, stored)));
    expect(answers.map(({ valid }) => valid)).toEqual(
      calls.map(({ attempt, stored }) => attempt === password && stored !== null),
    );
  });

  it('refuses the calls beyond the queue at once, and serves the others', async () => {
    const narrow = createHasher({ maxQueueLength: 4, maxWaitMs: 60_000 });
    const calls = Array.from({ length: 6 }, () => narrow.verify(password, phc));
    await expect(calls[4]).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    expect(work).toEqual([]);
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array(4).fill('fulfilled'),
      ...Array(2).fill('rejected'),
    ]);
    expect(work).toHaveLength(4);
  });
});

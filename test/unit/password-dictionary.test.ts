import { Options } from '@zxcvbn-ts/core';
import { dictionary } from '@zxcvbn-ts/language-common';
import { describe, expect, it, vi } from 'vitest';
import { buildDictionary } from '../../scripts/build-assets.ts';
import { createDictionaryReader } from '../../src/passwords/dictionary.ts';
import { dictionaryFile, rankWords } from '../../src/passwords/rules/dictionary.ts';

const words = buildDictionary();

/** Assets that answer with each of these in turn, and with the last one from then on. */
const assetsWith = (...answers: (() => Response | Promise<Response>)[]) => {
  let asked = 0;
  return {
    fetch: vi.fn(async (_: string, __: { signal: AbortSignal }) => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (!answer) throw new Error('no answer');
      return answer();
    }),
  };
};
const good = () => new Response(words);

/** Ends with the signal, as a request to the assets does. */
const assetsThatHang = (isHanging: () => boolean) => ({
  fetch: vi.fn((_: string, { signal }: { signal: AbortSignal }): Promise<Response> => {
    if (!isHanging()) return Promise.resolve(good());
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }),
});

describe('the password dictionary', () => {
  it('is what the estimator would make of the lists of the package', async () => {
    const { rankedDictionaries, rankedDictionariesMaxWordSize } = new Options({
      dictionary: { diceware: dictionary['diceware-common'], passwords: dictionary['passwords-common'] },
    });
    const { ranks, longest } = await createDictionaryReader(assetsWith(good)).read();
    expect(Object.keys(ranks)).toEqual(Object.keys(rankedDictionaries));
    for (const list of ['diceware', 'passwords'] as const) {
      const expected = Object.entries(rankedDictionaries[list] ?? {});
      expect(expected.length, list).toBeGreaterThan(7_000);
      expect(expected.filter(([word, rank]) => ranks[list][word] !== rank)).toEqual([]);
      for (const other of ['', 'constructor', '__proto__', 'zyvexqorman', 'Password', '\ud83d'])
        expect(ranks[list][other], other).toBe(rankedDictionaries[list]?.[other]);
    }
    expect(longest).toEqual(rankedDictionariesMaxWordSize);
  });

  it('has the name of its content, so that it is read from the build that wrote it', async () => {
    const assets = assetsWith(good);
    await createDictionaryReader(assets).read();
    expect(assets.fetch.mock.calls.map(([url]) => url)).toEqual([`https://assets.local/${dictionaryFile}`]);
    expect(dictionaryFile).toMatch(/^password-dictionary\.[0-9a-f]{16}\.txt$/);
  });

  it('is ranked a few words at a time, so that no other request waits for all of them', async () => {
    const pause = vi.fn(async (_: number) => {});
    await rankWords(words, pause);
    const ranked = pause.mock.calls.reduce((sum, [count]) => sum + count, 0);
    expect(ranked).toBeGreaterThan(56_000);
    expect(Math.max(...pause.mock.calls.map(([count]) => count))).toBeLessThanOrEqual(512);

    let turns = 0;
    const turn = setInterval(() => turns++, 0);
    await createDictionaryReader(assetsWith(good)).read();
    clearInterval(turn);
    expect(turns).toBeGreaterThan(10);
  });

  it('is read once for an isolate, however many services there are', async () => {
    const assets = assetsWith(good);
    const first = await createDictionaryReader(assets).read();
    expect(await createDictionaryReader(assets).read()).toBe(first);
    expect(assets.fetch).toHaveBeenCalledTimes(1);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['is missing', () => new Response('not found', { status: 404 })],
    ['cannot be read', () => Promise.reject(new Error('no assets'))],
    ['has a word less', () => new Response(words.slice(0, words.lastIndexOf('\n', words.length - 2) + 1))],
    ['has one letter more', () => new Response(`${words}x`)],
    ['is empty', () => new Response('')],
    ['breaks off', () => new Response(new ReadableStream({ pull: (c) => c.error(new Error('cut off')) }))],
  ])('is refused where it %s, and the next request tries again', async (_, bad) => {
    const { read } = createDictionaryReader(assetsWith(bad, bad, good), { patienceMs: 60_000 });
    for (let attempt = 0; attempt < 2; attempt++)
      await expect(read()).rejects.toMatchObject({ code: 'service_unavailable', retryAfterSeconds: 5 });
    expect((await read()).longest).toEqual({ diceware: 9, passwords: 20 });
  });

  it('is given up after a while where the assets do not answer', async () => {
    const { read } = createDictionaryReader(
      assetsThatHang(() => true),
      { readLimitMs: 50 },
    );
    await expect(read()).rejects.toMatchObject({ code: 'service_unavailable' });
  });
});

describe('requests that need the password dictionary at once', () => {
  it('get it from one read', async () => {
    const assets = assetsWith(good);
    const { read } = createDictionaryReader(assets);
    const [first, ...others] = await Promise.all([read(), read(), read(), read()]);
    for (const other of others) expect(other).toBe(first);
    expect(assets.fetch).toHaveBeenCalledTimes(1);
  });

  it('get it although the first of them times out meanwhile', async () => {
    let isFirst = true;
    const limits = { readLimitMs: 60_000, patienceMs: 60_000 };
    const { read } = createDictionaryReader(
      assetsThatHang(() => isFirst),
      limits,
    );
    const late = new AbortController();
    const first = read(late.signal);
    const second = read();
    isFirst = false;
    late.abort(new Error('out of time'));
    await expect(first).rejects.toMatchObject({ code: 'timeout' });
    expect((await second).longest.passwords).toBe(20);
  });

  it('get it from the next one if the first was cancelled and never goes on', async () => {
    const assets = assetsWith(() => new Promise(() => {}), good);
    const { read } = createDictionaryReader(assets, { patienceMs: 300 });
    void read();
    const [second, ...others] = await Promise.all([read(), read(), read(), read()]);
    for (const other of others) expect(other).toBe(second);
    expect(second?.longest.passwords).toBe(20);
    expect(assets.fetch).toHaveBeenCalledTimes(2);
  });

  it('each end with their own time limit while they wait', async () => {
    const { read } = createDictionaryReader(assetsWith(() => new Promise(() => {})));
    void read();
    await expect(read(AbortSignal.timeout(50))).rejects.toMatchObject({ code: 'timeout' });
  });
});

describe('the readiness of the password dictionary', () => {
  const signal = new AbortController().signal;

  it('is the same check as that of the first password', async () => {
    const away = () => new Response(null, { status: 404 });
    const { ping } = createDictionaryReader(assetsWith(away, () => new Response('other words'), good));
    await expect(ping(signal)).rejects.toThrow(`the assets answered 404 for ${dictionaryFile}`);
    await expect(ping(signal)).rejects.toThrow('has other words than this version of the Worker expects');
    await ping(signal);
  });

  it('costs nothing once the isolate has it', async () => {
    const assets = assetsWith(good);
    const { read, ping } = createDictionaryReader(assets);
    await read();
    await ping(signal);
    expect(assets.fetch).toHaveBeenCalledTimes(1);
  });
});

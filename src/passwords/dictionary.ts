import { AppError } from '../platform/errors.ts';
import { createGiveWay } from '../platform/give-way.ts';
import { hexOf } from '../platform/rules/hex.ts';
import { dictionaryFile, dictionarySha256, type PasswordDictionary, rankWords } from './rules/dictionary.ts';

/** The static assets of the running version: the binding never leaves the deployment. */
type Assets = { readonly fetch: (url: string, init: { signal: AbortSignal }) => Promise<Response> };

/** What an isolate has of a dictionary. It holds no promise, because that belongs to the request that made it. */
type Kept = { dictionary: PasswordDictionary | null; isBeingRead: boolean; reads: number };

const keptOf = new WeakMap<Assets, Kept>();

const keptFor = (assets: Assets): Kept => {
  const kept = keptOf.get(assets) ?? { dictionary: null, isBeingRead: false, reads: 0 };
  keptOf.set(assets, kept);
  return kept;
};

/** To rank a word takes the thread as long as to unpack so many bytes. */
const wordWeight = 512;

const lookAgainMs = 10;

type Options = {
  readonly readLimitMs?: number;
  /** After which a request that others wait for counts as cancelled: ten times as long as a slow machine takes. */
  readonly patienceMs?: number;
};

const wait = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

export type DictionaryReader = ReturnType<typeof createDictionaryReader>;

/**
 * Reads the password dictionary, which is a static asset and no part of the Worker's code (docs/adr/0043). An isolate
 * keeps it once it was read; after a failure the next request tries again.
 */
export const createDictionaryReader = (
  assets: Assets,
  { readLimitMs = 3_000, patienceMs = 1_000 }: Options = {},
) => {
  const kept = keptFor(assets);

  const readText = async (signal: AbortSignal): Promise<string> => {
    const response = await assets.fetch(`https://assets.local/${dictionaryFile}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(readLimitMs)]),
    });
    const bytes = await response.arrayBuffer();
    if (!response.ok) throw new Error(`the assets answered ${response.status} for ${dictionaryFile}`);
    // A shorter list would let weak passwords pass, and nobody would notice.
    if (hexOf(await crypto.subtle.digest('SHA-256', bytes)) !== dictionarySha256)
      throw new Error(`${dictionaryFile} has other words than this version of the Worker expects`);
    return new TextDecoder().decode(bytes);
  };

  const load = async (signal: AbortSignal): Promise<PasswordDictionary> => {
    kept.isBeingRead = true;
    kept.reads += 1;
    try {
      const text = await readText(signal);
      const giveWay = createGiveWay(signal);
      kept.dictionary = await rankWords(text, (words) => giveWay(words * wordWeight));
      return kept.dictionary;
    } catch (cause) {
      if (signal.aborted) throw new AppError('timeout', { cause });
      throw new AppError('service_unavailable', { retryAfterSeconds: 5, cause });
    } finally {
      kept.isBeingRead = false;
    }
  };

  return {
    /**
     * Requests that need it at once leave the work to the first of them, because each would read and rank it by itself.
     * They cannot wait for its promise, and it may have been cancelled: they look again, and then the next one does it.
     * @throws AppError `service_unavailable` where it cannot be read, or is not the one of this build; `timeout`
     */
    read: async (signal: AbortSignal = new AbortController().signal): Promise<PasswordDictionary> => {
      let { reads } = kept;
      for (let waitedMs = 0; kept.isBeingRead && waitedMs < patienceMs; waitedMs += lookAgainMs) {
        await wait(lookAgainMs);
        if (signal.aborted) throw new AppError('timeout');
        if (kept.reads !== reads) [waitedMs, reads] = [0, kept.reads];
      }
      return kept.dictionary ?? load(signal);
    },

    /** Rejects where a password could not be set. */
    ping: async (signal: AbortSignal): Promise<void> => {
      if (!kept.dictionary) await readText(signal);
    },
  };
};

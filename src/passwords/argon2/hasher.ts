import type { PasswordHasher } from '../rules/hash-lane.ts';
import { formatPhc, isOutdated, parsePhc, saltBytes, tagBytes } from '../rules/phc.ts';
import { type Argon2id, argon2id } from './argon2id.ts';
import { createHashQueue } from './hash-queue.ts';

/** Memory in KiB. One lane: a Worker has one thread, so more would help only an attacker. */
export type Argon2Config = {
  readonly memoryKib: number;
  readonly iterations: number;
  readonly parallelism: 1;
};

export type Argon2HasherOptions = {
  /** 100 by default: 2.5 s of hashes at 25 ms each, and within the request timeout at twice that. */
  readonly maxQueueLength?: number;
  /** The request timeout; nobody would read the answer after a longer wait. 10 s by default. */
  readonly maxWaitMs?: number;
  readonly digest?: Argon2id;
  /** Called with the number of waiting hashes whenever another one is asked for. */
  readonly onQueued?: (waiting: number) => void;
  readonly randomBytes?: (length: number) => Uint8Array;
  readonly monotonicMs?: () => number;
};

const maxPasswordBytes = 1024;
const typicalHashMs = 25;

// Any salt and any password will do, because the answer to a decoy is always no.
const decoySalt = new Uint8Array(saltBytes);
const decoyPassword = new Uint8Array(1);

const encoder = new TextEncoder();

/**
 * The bytes that are hashed: UTF-8 of the NFKC form, so that a password typed on another keyboard is the
 * same password (NIST SP 800-63B-4 section 3.1.1.2). The length is that of the password as it was sent.
 */
const encodePassword = (password: string): Uint8Array => {
  if (encoder.encode(password).length > maxPasswordBytes) {
    throw new RangeError(`A password has at most ${maxPasswordBytes} bytes`);
  }
  return encoder.encode(password.normalize('NFKC'));
};

/**
 * @param options seams for tests; the defaults are the isolate's Argon2id, randomness and clock
 * @throws RangeError for a password of more than 1,024 bytes, or an empty one that is to be hashed
 */
export const createArgon2Hasher = (
  config: Argon2Config,
  {
    maxQueueLength = 100,
    maxWaitMs = 10_000,
    digest = argon2id,
    onQueued = () => {},
    randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length)),
    monotonicMs = () => performance.now(),
  }: Argon2HasherOptions = {},
): PasswordHasher => {
  const { memoryKib, iterations, parallelism } = config;
  const parameters = { memoryKib, iterations, parallelism };
  const queue = createHashQueue({
    maxQueueLength,
    maxWaitMs,
    retryAfterSeconds: Math.max(1, Math.ceil((maxQueueLength * typicalHashMs) / 1000)),
    monotonicMs,
    onQueued,
    nextEvent: (afterMs) => scheduler.wait(afterMs),
  });

  return {
    refuseIfFull: queue.refuseIfFull,

    inTurn: (work, caller) => queue.run(async () => work(), caller, { isHash: false }),

    hash: async (password, caller) => {
      const bytes = encodePassword(password);
      if (bytes.length === 0) throw new RangeError('An empty password cannot be hashed');
      const salt = randomBytes(saltBytes);
      const tag = await queue.run(() => digest({ password: bytes, salt, parameters, tagBytes }), caller);
      return formatPhc({ parameters, salt, tag });
    },

    verify: async (password, phc, caller) => {
      const bytes = encodePassword(password);
      const stored = phc === null ? undefined : parsePhc(phc);

      if (stored === undefined || bytes.length === 0) {
        const decoy = { password: decoyPassword, salt: decoySalt, parameters, tagBytes };
        await queue.run(() => digest(decoy), caller);
        return { valid: false, outdated: false };
      }

      const { salt, tag } = stored;
      const computed = await queue.run(
        () => digest({ password: bytes, salt, parameters: stored.parameters, tagBytes: tag.length }),
        caller,
      );
      // In constant time, so that the time of the comparison does not tell how much of the tag was right.
      const valid = crypto.subtle.timingSafeEqual(computed, tag);
      return { valid, outdated: isOutdated(stored, parameters) };
    },
  };
};

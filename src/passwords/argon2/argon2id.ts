import { argon2id as hashWasmArgon2id } from 'hash-wasm';
import type { Argon2Parameters } from '../rules/phc.ts';
import { createInstancePool, type InstancePool, lendWebAssembly } from './instance-pool.ts';

export type Argon2idInput = {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly parameters: Argon2Parameters;
  readonly tagBytes: number;
};

export type Argon2id = (input: Argon2idInput) => Promise<Uint8Array>;

// One for the isolate, because the lent functions belong to the isolate.
let running = false;

/**
 * Argon2id, version 0x13 (RFC 9106), by hash-wasm on reused memory, one hash at a time.
 * A hash awaits only settled promises, so it ends in the event in which it begins: a request can be cancelled before or
 * after its hash, and never holds up the others.
 */
export const createArgon2id =
  (pool: InstancePool): Argon2id =>
  async ({ password, salt, parameters, tagBytes }) => {
    while (running) await scheduler.wait(0);
    running = true;
    try {
      const tag = await lendWebAssembly(pool, () =>
        hashWasmArgon2id({
          password,
          salt,
          memorySize: parameters.memoryKib,
          iterations: parameters.iterations,
          parallelism: parameters.parallelism,
          hashLength: tagBytes,
          outputType: 'binary',
        }),
      );
      pool.takeBack();
      return tag;
    } catch (cause) {
      pool.discard();
      throw cause;
    } finally {
      running = false;
    }
  };

/** The isolate's one Argon2id: an isolate has 128 MiB, so all requests share its memory. */
export const argon2id = createArgon2id(createInstancePool());

const encoder = new TextEncoder();
const knownParameters = { memoryKib: 64, iterations: 1, parallelism: 1 } as const;

/** The tag that the reference implementation makes of the input below, under parameters that cost next to nothing. */
const knownTag = 'cc985864c3597db4df7616439a61c5af';

/** Hashes a known input. @throws Error when the tag is not the known one */
export const checkArgon2id = async (): Promise<void> => {
  const password = encoder.encode('itsor');
  const salt = encoder.encode('itsor readiness');
  const tag = await argon2id({ password, salt, parameters: knownParameters, tagBytes: 16 });
  if (tag.toHex() !== knownTag) throw new Error('Argon2id gave a wrong answer to a known input');
};

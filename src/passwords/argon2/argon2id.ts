import { argon2id as hashWasmArgon2id } from 'hash-wasm';
import type { Argon2Parameters } from '../rules/phc.ts';
import { createInstancePool, type InstancePool } from './instance-pool.ts';
import { lendWebAssembly } from './lend-webassembly.ts';

export type Argon2idInput = {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  readonly parameters: Argon2Parameters;
  readonly tagBytes: number;
};

export type Argon2id = (input: Argon2idInput) => Promise<Uint8Array>;

// One for the isolate, as the functions that are lent are the isolate's.
let running = false;

/**
 * Argon2id, version 0x13 (RFC 9106), by hash-wasm on reused memory, one hash at a time.
 * A hash awaits nothing but settled promises, so it ends in the event in which it begins: a request that
 * is cancelled can be cancelled before or after its hash, and never holds up the others.
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

/** The isolate's one Argon2id: an isolate has 128 MiB, so its memory is shared by all that hash. */
export const argon2id = createArgon2id(createInstancePool());

import { argon2id } from './argon2id.ts';

const encoder = new TextEncoder();
const parameters = { memoryKib: 64, iterations: 1, parallelism: 1 } as const;

/** Argon2id v=19 of the reference implementation for the input below, under parameters that cost next to nothing. */
const knownTag = 'cc985864c3597db4df7616439a61c5af';

/** Hashes a known input. @throws Error when the answer is not the known one */
export const checkArgon2id = async (): Promise<void> => {
  const password = encoder.encode('itsor');
  const salt = encoder.encode('itsor readiness');
  const tag = await argon2id({ password, salt, parameters, tagBytes: 16 });
  if (tag.toHex() !== knownTag) throw new Error('Argon2id gave a wrong answer to a known input');
};

import { argon2id } from 'hash-wasm';
import { createArgon2Hasher } from '../../src/passwords/argon2/hasher.ts';
import { findModule } from '../../src/passwords/argon2/instance-pool.ts';

const parameters = { memoryKib: 19_456, iterations: 2, parallelism: 1 } as const;
const password = 'correct horse battery staple';

const hasher = createArgon2Hasher(parameters);
const caller = { purpose: 'login', network: 'bench', account: 'bench' } as const;

const plain = (): Promise<string> =>
  argon2id({
    password,
    salt: crypto.getRandomValues(new Uint8Array(16)),
    memorySize: parameters.memoryKib,
    iterations: parameters.iterations,
    parallelism: parameters.parallelism,
    hashLength: 32,
    outputType: 'encoded',
  });

// The least that hash-wasm needs to work in workerd at all: no reuse, no wipe, no queue.
Object.assign(WebAssembly, { compile: async (bytes: ArrayBuffer) => findModule(bytes.byteLength) });

export default {
  fetch: async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === '/reused') return new Response(await hasher.hash(password, caller));
    if (pathname === '/plain') return new Response(await plain());
    return new Response('idle');
  },
};

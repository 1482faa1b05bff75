import { findModule, type InstancePool } from './instance-pool.ts';

type WebAssemblyLoaders = {
  compile: (bytes: ArrayBuffer) => Promise<WebAssembly.Module>;
  instantiate: (module: WebAssembly.Module, imports?: WebAssembly.Imports) => Promise<WebAssembly.Instance>;
};

/**
 * Runs `work` while `WebAssembly.compile` and `instantiate` answer for Argon2's modules from the pool:
 * workerd forbids compiling bytes, and hash-wasm takes new memory for every hash. Anything else gets the
 * platform's own functions. Calls must not overlap, as the later would restore the earlier's functions.
 */
export const lendWebAssembly = async <T>(pool: InstancePool, work: () => Promise<T>): Promise<T> => {
  const webAssembly: WebAssemblyLoaders = WebAssembly as never;
  const { compile, instantiate } = webAssembly;

  webAssembly.compile = (bytes) => {
    const module = findModule(bytes.byteLength);
    return module === undefined ? compile(bytes) : Promise.resolve(module);
  };
  webAssembly.instantiate = (module, imports) => {
    const instance = pool.lend(module);
    return instance === undefined ? instantiate(module, imports) : Promise.resolve(instance);
  };

  try {
    return await work();
  } finally {
    Object.assign(webAssembly, { compile, instantiate });
  }
};

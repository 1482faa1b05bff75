import argon2Module from './argon2.wasm';
import blake2bModule from './blake2b.wasm';
import moduleSizes from './modules.json';

type Argon2Exports = {
  readonly memory: WebAssembly.Memory;
  readonly Hash_GetBuffer: () => number;
  readonly Hash_SetMemorySize: (bytes: number) => number;
};

type Blake2bExports = {
  readonly memory: WebAssembly.Memory;
  readonly Hash_GetBuffer: () => number;
  readonly Hash_Init: (outputBits: number) => void;
};

/** An instance whose memory `wipe` fills with zeroes, on which hash-wasm relies. */
type ReusableInstance = {
  readonly module: WebAssembly.Module;
  readonly instance: WebAssembly.Instance;
  readonly memory: WebAssembly.Memory;
  readonly wipe: () => void;
};

const blake2bBufferBytes = 16 * 1024;

const createArgon2Instance = (): ReusableInstance => {
  const exports = new WebAssembly.Instance(argon2Module).exports as unknown as Argon2Exports;
  const { memory } = exports;
  const blocksOffset = exports.Hash_GetBuffer();
  let usedBytes = 0;

  // The module's own function treats a size that is not larger as an underflow, and hash-wasm ignores the -1 of a
  // memory that cannot grow.
  const setMemorySize = (bytes: number): number => {
    const mustGrow = bytes > memory.buffer.byteLength - blocksOffset;
    if (mustGrow && exports.Hash_SetMemorySize(bytes) !== 0) {
      throw new RangeError(`Argon2 cannot get ${bytes} bytes of memory`);
    }
    usedBytes = bytes;
    return 0;
  };

  return {
    module: argon2Module,
    instance: { exports: { ...exports, Hash_SetMemorySize: setMemorySize } },
    memory,
    wipe: () => {
      new Uint8Array(memory.buffer, blocksOffset, usedBytes).fill(0);
      usedBytes = 0;
    },
  };
};

const createBlake2bInstance = (): ReusableInstance => {
  const instance = new WebAssembly.Instance(blake2bModule);
  const { memory, Hash_GetBuffer, Hash_Init } = instance.exports as unknown as Blake2bExports;
  return {
    module: blake2bModule,
    instance,
    memory,
    // The password passes through the buffer and the state; Hash_Init clears the state.
    wipe: () => {
      new Uint8Array(memory.buffer, Hash_GetBuffer(), blake2bBufferBytes).fill(0);
      Hash_Init(512);
    },
  };
};

const modules = [
  { module: argon2Module, bytes: moduleSizes.argon2.bytes, create: createArgon2Instance },
  { module: blake2bModule, bytes: moduleSizes.blake2b.bytes, create: createBlake2bInstance },
];

/** The extracted module of that many bytes. A test compares its checksum with that of the installed hash-wasm. */
export const findModule = (bytes: number): WebAssembly.Module | undefined =>
  modules.find((candidate) => candidate.bytes === bytes)?.module;

export type InstancePool = ReturnType<typeof createInstancePool>;

/** WASM instances that are lent for one hash, wiped, and lent again for the next. */
export const createInstancePool = () => {
  let idle: ReusableInstance[] = [];
  let lent: ReusableInstance[] = [];

  return {
    /** Undefined for a module that is not one of Argon2's. */
    lend: (module: unknown): WebAssembly.Instance | undefined => {
      const kind = modules.find((candidate) => candidate.module === module);
      if (kind === undefined) return undefined;
      const reusable = idle.find((candidate) => candidate.module === module) ?? kind.create();
      idle = idle.filter((candidate) => candidate !== reusable);
      lent.push(reusable);
      return reusable.instance;
    },
    takeBack: (): void => {
      for (const { wipe } of lent) wipe();
      idle.push(...lent);
      lent = [];
    },
    /** After a failure the state of an instance is unknown, so none is used again. */
    discard: (): void => {
      idle = [];
      lent = [];
    },
    /** The memories that the pool keeps: most of what hashing costs an isolate. */
    memories: (): readonly WebAssembly.Memory[] => [...idle, ...lent].map(({ memory }) => memory),
  };
};

type WebAssemblyLoaders = {
  compile: (bytes: ArrayBuffer) => Promise<WebAssembly.Module>;
  instantiate: (module: WebAssembly.Module, imports?: WebAssembly.Imports) => Promise<WebAssembly.Instance>;
};

/**
 * Runs `work` while `WebAssembly.compile` and `instantiate` take Argon2's modules from the pool: workerd forbids
 * compiling bytes, and hash-wasm takes new memory for every hash. Other modules get the platform's own functions.
 * Calls must not overlap, because the later one would restore the functions of the earlier one.
 */
export const lendWebAssembly = async <T>(pool: InstancePool, work: () => Promise<T>): Promise<T> => {
  const webAssembly = WebAssembly as unknown as WebAssemblyLoaders;
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

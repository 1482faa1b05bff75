import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';

const usage = `npm run argon2:extract [-- --check]
  Takes the two WASM modules of Argon2id out of the installed hash-wasm, because a Worker may import WASM and may not
  compile it from bytes.
  --check  compares them with the modules in this repository, and writes nothing`;

const embeddedIn = new URL('../node_modules/hash-wasm/dist/argon2.umd.min.js', import.meta.url);
const folder = new URL('../src/passwords/argon2/', import.meta.url);

const extract = (source: string, name: string): Buffer => {
  const base64 = new RegExp(`name:"${name}",data:"([A-Za-z0-9+/]+={0,2})"`).exec(source)?.[1];
  if (base64 === undefined) throw new CliError(`hash-wasm no longer embeds a module named ${name}.`);
  const bytes = Buffer.from(base64, 'base64');
  if (!WebAssembly.validate(new Uint8Array(bytes))) throw new CliError(`${name} is not a WASM module.`);
  return bytes;
};

const isCurrent = (name: string, content: Buffer): boolean => {
  try {
    return readFileSync(new URL(name, folder)).equals(content);
  } catch {
    return false;
  }
};

runProgram(async () => {
  const { check } = readOptions({ check: { type: 'boolean', default: false } }, usage);
  const source = readFileSync(embeddedIn, 'utf8');
  const modules = ['argon2', 'blake2b'].map((name) => [name, extract(source, name)] as const);
  const checksums = modules.map(([name, content]) => [
    name,
    { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') },
  ]);
  const manifest = Buffer.from(`${JSON.stringify(Object.fromEntries(checksums), null, 2)}\n`);
  const files = [
    ...modules.map(([name, content]) => [`${name}.wasm`, content] as const),
    ['modules.json', manifest] as const,
  ];
  if (check) {
    const stale = files.filter(([name, content]) => !isCurrent(name, content));
    if (stale.length === 0) return;
    const lines = stale.map(([name]) => `${name} differs from the module in the installed hash-wasm.`);
    throw new CliError(
      [...lines, 'Read the changes of hash-wasm, then run: npm run argon2:extract'].join('\n'),
    );
  }
  for (const [name, content] of files) {
    writeFileSync(new URL(name, folder), content);
    console.log(`${name}: ${content.length} bytes`);
  }
});

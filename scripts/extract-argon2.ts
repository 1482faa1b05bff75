/**
 * Takes the two WASM modules of Argon2id out of the installed hash-wasm, because Workers may only import
 * WASM and never compile it from bytes. `--check` compares what is checked in and writes nothing.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const moduleNames = ['argon2', 'blake2b'] as const;
const embeddedIn = new URL('../node_modules/hash-wasm/dist/argon2.umd.min.js', import.meta.url);
const folder = new URL('../src/passwords/argon2/', import.meta.url);

const extract = (source: string, name: string): Buffer => {
  const base64 = new RegExp(`name:"${name}",data:"([A-Za-z0-9+/]+={0,2})"`).exec(source)?.[1];
  if (base64 === undefined) throw new Error(`hash-wasm no longer embeds a module named ${name}`);
  const bytes = Buffer.from(base64, 'base64');
  if (!WebAssembly.validate(new Uint8Array(bytes))) throw new Error(`${name} is not a WASM module`);
  return bytes;
};

const readIfThere = (file: URL): Buffer | undefined => {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
};

const source = readFileSync(embeddedIn, 'utf8');
const modules = moduleNames.map((name) => ({ name, bytes: extract(source, name) }));
const checksums = Object.fromEntries(
  modules.map(({ name, bytes }) => [
    name,
    { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
  ]),
);
const files = [
  ...modules.map(({ name, bytes }) => ({ name: `${name}.wasm`, content: bytes })),
  { name: 'modules.json', content: Buffer.from(`${JSON.stringify(checksums, null, 2)}\n`) },
];

if (process.argv.includes('--check')) {
  const stale = files.filter(({ name, content }) => !readIfThere(new URL(name, folder))?.equals(content));
  for (const { name } of stale) console.error(`${name} is not what the installed hash-wasm contains.`);
  if (stale.length > 0) console.error('Read the changes of hash-wasm, then run: npm run argon2:extract');
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { name, content } of files) {
    writeFileSync(new URL(name, folder), content);
    console.log(`${name}: ${content.length} bytes`);
  }
}

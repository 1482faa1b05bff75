import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// JavaScript that imports from Node alone: before npm install there is no package, and perhaps only Node 20, which
// reads no TypeScript.
const project = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const folders = createRequire(import.meta.url).resolve.paths('any-package') ?? [];
const missing = Object.keys({ ...project.dependencies, ...project.devDependencies }).filter(
  (name) => !folders.some((folder) => existsSync(join(folder, name))),
);

if (missing.length === 0) {
  await import('./dev.ts');
} else {
  const others = missing.length > 1 ? ` (and ${missing.length - 1} more)` : '';
  console.error(`Run npm install first: the package ${missing[0]} is missing${others}.`);
  process.exitCode = 1;
}

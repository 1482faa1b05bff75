import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Made, Missing } from './sample.ts';

type Options = { readonly cwd?: string; readonly input?: Uint8Array | string };

const limitMs = 120_000;

/** Runs a program to its end. @throws Missing where there is none of that name */
export const run = async (
  program: string,
  args: readonly string[],
  { cwd, input = '' }: Options = {},
): Promise<Buffer> => {
  const child = spawn(program, args, { cwd, timeout: limitMs, stdio: 'pipe' });
  // A program may end before it has read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const gone = once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new Missing(`${program} is not installed`) : error;
  });
  const [stdout, stderr, [status]] = await Promise.all([buffer(child.stdout), text(child.stderr), gone]);
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.trim().split('\n').at(-1)}`);
  return stdout;
};

/** Files of a folder as samples. @param files titles by the names in the folder */
export const collect = (folder: string, files: Readonly<Record<string, string>>): Promise<Made[]> =>
  Promise.all(
    Object.entries(files).map(async ([filename, title]) => ({
      title,
      filename,
      content: await readFile(join(folder, filename)),
    })),
  );

const own = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The one that Debian's packages belong to. */
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** By its path where Debian has it: other programs of this name may stand before it. */
export const imageMagick = existsSync('/usr/bin/convert') ? '/usr/bin/convert' : 'convert';

/** Runs a program of `python/` in a folder. @throws Missing without the library that it needs */
export const runPython = async (name: string, library: string, folder: string): Promise<void> => {
  await run(python, ['-c', `import ${library}`]).catch((error: Error) => {
    throw error instanceof Missing ? error : new Missing(`python3 has no ${library}`);
  });
  await run(python, [own(`python/${name}.py`)], { cwd: folder });
};

/** Installs what `npm/package.json` names into a folder of the drill. @returns null, or why that failed */
export const installPackages = async (folder: string): Promise<string | null> => {
  await mkdir(folder, { recursive: true });
  await cp(own('npm'), folder, { recursive: true });
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
  return run('npm', args, { cwd: folder }).then(
    () => null,
    (error: Error) => `npm install: ${error.message}`,
  );
};

/** Runs a program of `npm/` that writes into a folder. */
export const runPackage = async (name: string, packages: string, folder: string): Promise<void> => {
  await run(process.execPath, [join(packages, `${name}.js`), folder], { cwd: packages });
};

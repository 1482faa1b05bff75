import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectDirectory } from '../../scripts/program/project.ts';

type TsConfig = { files?: string[]; references?: { path: string }[] };

/** A project as the compiler sees it, with the files that it includes by itself. */
const readProject = (path: string): TsConfig =>
  JSON.parse(
    execFileSync(join(projectDirectory, 'node_modules/.bin/tsc'), ['--showConfig', '-p', path], {
      cwd: projectDirectory,
      encoding: 'utf8',
    }),
  );

const sourceFiles = readdirSync(projectDirectory, { withFileTypes: true })
  .filter(({ name }) => !/^(?:\.|node_modules$|dist$|coverage$|worker-configuration\.d\.ts$)/.test(name))
  .flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(join(projectDirectory, entry.name), { recursive: true, encoding: 'utf8' }).map((name) =>
          join(entry.name, name),
        )
      : [entry.name],
  );

// An editor looks for the nearest tsconfig.json of a file, and then in the projects that it references.
it('an editor finds each TypeScript file in one project, and has no other tsconfig.json to go by', () => {
  expect(sourceFiles.filter((path) => /(?:^|\/)[jt]sconfig\.json$/.test(path))).toEqual(['tsconfig.json']);
  const { files, references = [] } = JSON.parse(
    readFileSync(join(projectDirectory, 'tsconfig.json'), 'utf8'),
  ) as TsConfig;
  expect(files).toEqual([]);

  const projects = references.map(({ path }) => new Set(readProject(path).files));
  const homes = Object.fromEntries(
    sourceFiles
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => [path, projects.filter((project) => project.has(`./${path}`)).length]),
  );
  expect(homes).toMatchObject({ 'scripts/dev.ts': 1, 'src/app.ts': 1, 'vitest.config.ts': 1 });
  // What the global set-up provides, in Node, is injected into tests of both kinds.
  expect(Object.entries(homes).filter(([, count]) => count !== 1)).toEqual([
    ['test/support/provided.d.ts', 2],
  ]);
});

it('npm run types checks each project that an editor knows', () => {
  const { scripts } = JSON.parse(readFileSync(join(projectDirectory, 'package.json'), 'utf8'));
  const { references = [] } = JSON.parse(
    readFileSync(join(projectDirectory, 'tsconfig.json'), 'utf8'),
  ) as TsConfig;
  expect(scripts.types).toBe(references.map(({ path }) => `tsc -p ${path.replace('./', '')}`).join(' && '));
});

it('npx wrangler types leaves a file that git and the formatter pass over', () => {
  const ignored = readFileSync(join(projectDirectory, '.gitignore'), 'utf8').split('\n');
  expect(ignored).toContain('worker-configuration.d.ts');
  const { vcs } = JSON.parse(readFileSync(join(projectDirectory, 'biome.json'), 'utf8'));
  expect(vcs).toMatchObject({ enabled: true, useIgnoreFile: true });
});

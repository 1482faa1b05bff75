import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import openApi from '../../docs/openapi.json' with { type: 'json' };
import project from '../../package.json' with { type: 'json' };

const pagesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...pagesIn('docs'),
  ...pagesIn('test/conformance'),
  ...pagesIn('packages'),
  ...pagesIn('examples'),
];
const scripts: Readonly<Record<string, string>> = project.scripts;

describe('README.md', () => {
  const text = readFileSync('README.md', 'utf8');

  it('has fewer than 1,200 words', () => {
    expect(text.split(/\s+/).filter(Boolean).length).toBeLessThan(1200);
  });

  it('has no table of more than ten rows', () => {
    const longest = [...text.matchAll(/(?:^\|.*\n?)+/gm)].map(
      ([table]) => table.trim().split('\n').length - 2,
    );
    expect(longest.filter((rows) => rows > 10)).toEqual([]);
  });
});

it('docs/README.md links to every document, runbook and decision', () => {
  const index = readFileSync('docs/README.md', 'utf8');
  const documents = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );
  expect(documents.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});

it('docs/features.md has every route of the OpenAPI document once, and no other', () => {
  const features = readFileSync('docs/features.md', 'utf8');
  const named = [...features.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, route]) => route);
  const described = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(named.toSorted()).toEqual(described.toSorted());
});

describe.each(pages)('%s', (page) => {
  const text = readFileSync(page, 'utf8');

  it('links to files that exist', () => {
    const targets = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
      ([, target]) => target ?? '',
    );
    expect(targets.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
  });

  it('names commands that exist', () => {
    const named = [...text.matchAll(/npm run (?:-s )?([a-z][a-z0-9:-]*[a-z0-9])/g)].map(
      ([, name]) => name ?? '',
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

it('CHANGELOG.md begins with the version of package.json, or with what is not released yet', () => {
  const versions = [
    ...readFileSync('CHANGELOG.md', 'utf8').matchAll(/^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$/gm),
  ];
  expect(versions[0]?.[1]).toBe(project.version);
  expect(versions.length).toBeGreaterThan(1);
});

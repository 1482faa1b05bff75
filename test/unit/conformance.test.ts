import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const table = 'docs/security.md';
/** The posture above it is another table. */
const heading = '\n## Conformance\n';

type Row = { readonly requirement: string; readonly shown: string; readonly files: readonly string[] };

const link = /\[[^\]]+\]\(([^)]+)\)/g;
const reason = /^(?:not yet|not met|elsewhere): \S/;

const rowsOf = (markdown: string): Row[] =>
  markdown.split('\n').flatMap((line) => {
    const [, requirement = '', , shown = ''] = line.split('|').map((cell) => cell.trim());
    if (requirement === '' || requirement === 'Requirement' || requirement.startsWith('---')) return [];
    const files = [...shown.matchAll(link)].map(([, file = '']) => normalize(join(dirname(table), file)));
    return [{ requirement, shown, files }];
  });

/** The requirements that the tests of a file prove: a line `// Proves <requirement>; <requirement>.` stands above each. */
const provenBy = (source: string): string[] =>
  [...source.matchAll(/^ *\/\/ Proves (.+)\.$/gm)].flatMap(([, list = '']) => list.split('; '));

const testFiles = ['unit', 'worker', 'security', 'stack', 'e2e', 'faults'].flatMap((folder) =>
  readdirSync(join('test', folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${folder}/${name}`),
);

const proofs: ReadonlyMap<string, readonly string[]> = new Map(
  testFiles.map((file) => [file, provenBy(readFileSync(file, 'utf8'))]),
);

const problemsOf = ({ requirement, shown, files }: Row): string[] => {
  if (files.length === 0) return reason.test(shown) ? [] : [`${requirement}: neither a test nor a reason`];
  if (shown.replaceAll(link, '').replaceAll(/[,\s]/g, '') !== '') return [`${requirement}: more than tests`];
  return files
    .filter((file) => !proofs.get(file)?.includes(requirement))
    .map((file) => `${requirement}: no test in ${file} proves it`);
};

describe('the conformance table', () => {
  const [, text = ''] = readFileSync(table, 'utf8').split(heading);
  const rows = rowsOf(text);

  it('names a test that proves each requirement, or a reason', () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.flatMap(problemsOf)).toEqual([]);
  });

  it('has each requirement once', () => {
    const names = rows.map(({ requirement }) => requirement);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('has a row for everything that a test says it proves', () => {
    const missing = [...proofs].flatMap(([file, requirements]) =>
      requirements
        .filter((name) => !rows.find(({ requirement }) => requirement === name)?.files.includes(file))
        .map((name) => `${name} in ${file}`),
    );
    expect(missing).toEqual([]);
  });

  it.each([
    ['a file that does not exist', '| 1.1 | x | [y](../test/worker/y.test.ts) |'],
    ['a file whose tests do not prove it', '| 1.1 | x | [y](../test/unit/conformance.test.ts) |'],
    ['nothing', '| 1.1 | x |  |'],
    ['words that are no test', '| 1.1 | x | surely |'],
    ['words beside a test', '| ASVS 2.2.3 | x | [login](../test/worker/login.test.ts) mostly |'],
    ['no reason', '| 1.1 | x | not yet: |'],
  ])('refuses a row with %s', (_, row) => expect(rowsOf(row).flatMap(problemsOf)).toHaveLength(1));
});

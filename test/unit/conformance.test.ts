import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const table = 'test/conformance/README.md';

type Proof = { readonly file: string; readonly title: string };
type Row = { readonly requirement: string; readonly shown: string; readonly proofs: readonly Proof[] };

const proof = /\[[^\]]+\]\(([^)]+)\) “([^”]+)”/g;
const excuse = /^(?:not yet|not met|elsewhere): \S/;

const rowsOf = (markdown: string): Row[] =>
  markdown.split('\n').flatMap((line) => {
    const [, requirement = '', , shown = ''] = line.split('|').map((cell) => cell.trim());
    if (requirement === '' || requirement === 'Requirement' || requirement.startsWith('---')) return [];
    const proofs = [...shown.matchAll(proof)].map(([, file = '', title = '']) => ({ file, title }));
    return [{ requirement, shown, proofs }];
  });

/** Whether a file has a test or a group of tests of exactly that title, placeholders of `each` included. */
const hasTitle = (source: string, title: string): boolean => {
  const escaped = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:\\(|^)\\s*(['"\`])${escaped}\\1,\\s*(?:async )?[({]`, 'm').test(source);
};

const problemsOf = ({ requirement, shown, proofs }: Row): string[] => {
  if (proofs.length === 0) return excuse.test(shown) ? [] : [`${requirement}: neither a test nor a reason`];
  if (shown.replaceAll(proof, '').replaceAll('<br>', '').trim() !== '')
    return [`${requirement}: more than tests`];
  return proofs.flatMap(({ file, title }) => {
    const path = join(dirname(table), file);
    if (!existsSync(path)) return [`${requirement}: no file ${file}`];
    return hasTitle(readFileSync(path, 'utf8'), title) ? [] : [`${requirement}: no “${title}” in ${file}`];
  });
};

describe('the conformance table', () => {
  const rows = rowsOf(readFileSync(table, 'utf8'));

  it('names only tests that exist, and has a reason where there is none', () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.flatMap(problemsOf)).toEqual([]);
  });

  it('has each requirement once', () => {
    const names = rows.map(({ requirement }) => requirement);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it.each([
    ['a file that is not there', '| 1.1 | x | [y](../worker/y.test.ts) “z” |'],
    [
      'a title that is not there',
      '| 1.1 | x | [y](../unit/conformance.test.ts) “has each requirement twice” |',
    ],
    ['part of a title', '| 1.1 | x | [y](../unit/conformance.test.ts) “has each requirement” |'],
    ['nothing', '| 1.1 | x |  |'],
    ['words that are no test', '| 1.1 | x | surely |'],
    [
      'words beside a test',
      '| 1.1 | x | [y](../unit/conformance.test.ts) “has each requirement once” mostly |',
    ],
    ['no reason', '| 1.1 | x | not yet: |'],
  ])('would not pass a row with %s', (_, row) => expect(rowsOf(row).flatMap(problemsOf)).toHaveLength(1));
});

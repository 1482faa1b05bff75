import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { adviceOn, reasons } from '../../src/uploads/rules/reasons.ts';

it('the table of reasons in the documentation has each reason once', () => {
  const rows = readFileSync('docs/uploads.md', 'utf8').matchAll(/^\| `(\w+)` \|/gm);
  expect(Array.from(rows, ([, reason]) => reason)).toEqual(reasons);
});

it('each reason has one sentence of advice, and a reason of an older version has a general one', () => {
  for (const reason of [...reasons, 'polyglot', 'constructor'])
    expect(adviceOn(reason)).toMatch(/^The [^.]+[^.]\.$/);
  expect(adviceOn('polyglot')).toBe(adviceOn('active_markup'));
  expect(adviceOn(null)).toBeNull();
});

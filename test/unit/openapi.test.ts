import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openApiDocument } from '../../scripts/docs/openapi.ts';

it('docs/openapi.json is what `npm run docs:openapi` writes', async () => {
  expect(readFileSync('docs/openapi.json', 'utf8')).toBe(await openApiDocument());
});

type Node = { readonly [member: string]: unknown };
const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as Node;

/** The places below `node` where a list may be of any length. */
const endlessLists = (node: unknown, place: string): string[] => {
  if (typeof node !== 'object' || node === null) return [];
  const { $ref, type, maxItems } = node as Node;
  if (typeof $ref === 'string') {
    const path = $ref.slice(2).split('/');
    return endlessLists(
      path.reduce<unknown>((at, name) => (at as Node)[name], document),
      $ref,
    );
  }
  const own = type === 'array' && maxItems === undefined ? [place] : [];
  return [
    ...own,
    ...Object.entries(node).flatMap(([name, child]) => endlessLists(child, `${place}/${name}`)),
  ];
};

it('every list in a request has a maximum: a small body may hold thousands of entries, each of which is judged', () => {
  const bodies = Object.entries(document.paths as Node).flatMap(([path, methods]) =>
    Object.entries(methods as Node).flatMap(([method, operation]) => {
      const { requestBody } = operation as Node;
      return requestBody === undefined ? [] : [[`${method} ${path}`, requestBody] as const];
    }),
  );
  expect(bodies.length).toBeGreaterThan(10);
  expect(bodies.flatMap(([place, body]) => endlessLists(body, place))).toEqual([]);
});

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

type Operation = {
  readonly summary: string;
  readonly description: string;
  readonly requestBody?: { readonly required: boolean };
};
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method} ${path}`, operation] as const),
);

it('every operation has a description in whole sentences, which says more than its summary', () => {
  expect(operations.length).toBeGreaterThan(50);
  for (const [key, { summary, description }] of operations) {
    expect(description, key).toMatch(/^[A-Z/`].{30,}\.$/);
    expect(description, key).not.toContain(summary);
  }
});

it('a body is required except where the service takes a request without one', () => {
  const optional = operations.filter(([, { requestBody }]) => requestBody?.required === false);
  expect(optional.map(([key]) => key)).toEqual(['post /auth/refresh', 'post /auth/logout']);
});

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

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { loadRoutes } from '../../scripts/docs/openapi.ts';

/** The cells of each row of the tables in docs/costs.md, by the first cell. */
const rows = readFileSync('docs/costs.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const numbersOf = (first: string, columns: number): number[] =>
  rows
    .filter(([name, ...rest]) => name === first && rest.length === columns)
    .flatMap(([, ...rest]) => rest.map(Number));
const requests = ['POST /auth/signup', 'POST /auth/token', 'POST /auth/refresh', 'GET /auth/me'] as const;

/** The gate does not know the session, so the database is asked, and the gate is told. */
const first = '`GET /auth/me`, first in half a minute';

it.each(requests)('docs/costs.md gives %s the operations that its description budgets', async (request) => {
  const { routes } = await loadRoutes();
  const route = routes.find(({ method, path }) => `${method} ${path}` === request);
  const { trips, objects } = (route as { budget: { trips: number; objects: number } }).budget;
  expect(numbersOf(`\`${request}\``, 4).slice(0, 2)).toEqual([trips, objects]);
});

it('docs/costs.md adds up', () => {
  const perMail = { trips: 2, objects: 3, queue: 3 };
  const [mails = 0] = numbersOf('mails', 1);
  const sum = (column: (request: string) => number) =>
    [...requests.map((request) => `\`${request}\``), first].reduce((total, request) => {
      const [times = 0] = numbersOf(request, 1);
      return total + times * column(request);
    }, 0);
  const cell = (index: number) => (request: string) => numbersOf(request, 4)[index] ?? 0;
  const perUser = {
    requests: sum(() => 1),
    'database round trips': sum(cell(0)) + mails * perMail.trips,
    'Durable Object calls': sum(cell(1)) + mails * perMail.objects,
    'rows that objects write': sum(cell(2)),
    'queue operations': mails * perMail.queue,
    'computing, seconds': sum(cell(3)) / 1000,
  };
  for (const [name, amount] of Object.entries(perUser))
    expect(numbersOf(name, 1)[0], name).toBeCloseTo(amount, 0.5);
});

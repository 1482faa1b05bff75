import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createScaleDatabase, type ScaleDatabase } from '../../scripts/bench/scale/database.ts';
import { createExplainingDatabase, planFaults } from '../../scripts/bench/scale/plans.ts';
import { pageRows, questions, type Samples, takeSamples } from '../../scripts/bench/scale/questions.ts';
import { createPostgresDatabase, type PostgresDatabase, withClient } from '../../scripts/stack/postgres.ts';
import { addCrowdedAccount, crowdedQuestions } from '../support/node/crowded-account.ts';

const serverUrl = process.env.TEST_DATABASE_URL ?? '';

// What `npm run bench:scale` measures with up to a million accounts, with as few as planners begin to care for.
describe.skipIf(serverUrl === '')(
  `with 20,000 accounts and 200,000 events${serverUrl === '' ? ' (TEST_DATABASE_URL is unset)' : ''}`,
  () => {
    let scale: ScaleDatabase;
    let samples: Samples;
    let db: PostgresDatabase;
    beforeAll(async () => {
      scale = await createScaleDatabase(serverUrl, 20_000);
      await scale.fill();
      samples = await withClient(scale.url, (client) => takeSamples(client, scale.users));
      db = createPostgresDatabase(scale.url);
    });
    afterAll(async () => {
      await db?.close();
      await scale?.drop();
    });

    test.each(questions.map((question) => [question.name, question] as const))(
      'the page "%s" is found by index',
      async (_, { ask }) => {
        const explaining = createExplainingDatabase(db);
        await ask({ db: explaining.db, samples }, 0);
        const plans = explaining.take();
        expect(plans).toHaveLength(1);
        expect(plans.flatMap((plan) => planFaults(plan))).toEqual([]);
        expect(await ask({ db, samples }, 0)).toBeGreaterThan(0);
      },
    );

    test.each(['live', 'ended'] as const)(
      'an account with 300,000 %s sessions and events reads no more rows than one with few',
      async (state) => {
        const account = await withClient(scale.url, async (client) => {
          const crowded = await addCrowdedAccount(client, 300_000, state);
          await client.query('analyze sessions, audit_events');
          return crowded;
        });
        for (const { name, ask } of crowdedQuestions) {
          const explaining = createExplainingDatabase(db);
          await ask(explaining.db, account);
          const plans = explaining.take();
          expect(plans.length, name).toBeGreaterThan(0);
          const faults = plans.flatMap((plan) => planFaults(plan, { sortedRows: 6_100, readRows: 1_100 }));
          expect(faults, name).toEqual([]);
        }
      },
      120_000,
    );

    test('a page is no longer than its limit', async () => {
      const rows = await Promise.all(questions.map(({ ask }) => ask({ db, samples }, 1)));
      expect(Math.max(...rows)).toBe(pageRows);
    });
  },
);

const node = { 'Actual Loops': 1, 'Actual Rows': 51 };
const scan = (type: string, relation: string, more: object = {}) => ({
  ...node,
  'Node Type': type,
  'Relation Name': relation,
  ...more,
});

test.each([
  ['a sequential scan', scan('Seq Scan', 'users'), ['reads all of users']],
  [
    'one below a join',
    { ...node, 'Node Type': 'Nested Loop', Plans: [scan('Seq Scan', 'sessions')] },
    ['reads all of sessions'],
  ],
  ['one of a small table', scan('Seq Scan', 'roles'), []],
  [
    'rows that a filter drops',
    scan('Index Scan', 'audit_events', { 'Rows Removed by Filter': 5000 }),
    ['reads 5051 rows of audit_events (Index Scan)'],
  ],
  [
    'a sort of many rows',
    { ...node, 'Node Type': 'Sort', Plans: [scan('Index Scan', 'users', { 'Actual Rows': 900 })] },
    ['sorts 900 rows'],
  ],
  ['a sort of a page', { ...node, 'Node Type': 'Sort', Plans: [scan('Index Scan', 'users')] }, []],
])('the plan of %s has its faults named', (_, plan, faults) => {
  expect(planFaults(plan)).toEqual(faults);
});

import { getTableName, isTable } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { loadRoutes } from '../../scripts/docs/openapi.ts';
import { forkPrefix } from '../../scripts/migrations/inspect.ts';
import * as forkTables from '../../src/fork/db/tables.ts';
import * as ourTables from '../../src/platform/db/schema.ts';

const namesOf = (schema: object): string[] => Object.values(schema).filter(isTable).map(getTableName);

describe('a fork and Itsor never collide', () => {
  it('in the paths of routes: those of a fork begin with /api/, and none of ours does', async () => {
    const { routes, forkRoutes, forkPath } = await loadRoutes();
    const all = routes.map(({ path }) => path);
    const ofFork = forkRoutes.map(({ path }) => path);
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((path) => path.startsWith(forkPath)).sort()).toEqual(ofFork.sort());
  });

  it('in the names of tables: those of a fork begin with fork_, and none of ours does', () => {
    expect(namesOf(ourTables).length).toBeGreaterThan(10);
    expect(namesOf(ourTables).filter((name) => name.startsWith(forkPrefix))).toEqual([]);
    expect(namesOf(forkTables).filter((name) => !name.startsWith(forkPrefix))).toEqual([]);
  });
});

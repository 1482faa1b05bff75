import { describe, expect, it } from 'vitest';
import { migrationEnvironment } from '../../scripts/deploy/migrations.ts';
import { configVariables, type Variables } from '../../scripts/program/project.ts';
import { migratorUrl } from '../../scripts/stack/database-plan.ts';

const parts = {
  DB_HOST: 'right.example.com',
  DB_NAME: 'itsor',
  DB_MIGRATOR_USER: 'itsor_migrator',
  DB_MIGRATOR_PASSWORD: 'pw',
};
const wrong = 'postgres://m:pw@wrong.example.com/itsor';

/** As the program of drizzle-kit reads it: `.dev.vars`, and the environment over it. */
const migratedUnder = (variables: Variables, devVars: Variables) =>
  migratorUrl({ ...devVars, ...configVariables(migrationEnvironment(variables)) });

describe('the database that a deployment migrates', () => {
  it.each<[string, Variables]>([
    ['a whole URL', { MIGRATIONS_DATABASE_URL: wrong }],
    ['another host', { DB_HOST: 'wrong.example.com', DB_PORT: '6432' }],
    ['nothing', {}],
  ])('is the one that was looked at, where .dev.vars has %s', (_, devVars) => {
    const variables = { BACKEND_ENV: 'production', ...parts };
    expect(migratedUnder(variables, devVars)).toBe(migratorUrl(variables));
    const whole = {
      BACKEND_ENV: 'production',
      MIGRATIONS_DATABASE_URL: 'postgres://m:pw@right.example.com/x',
    };
    expect(migratedUnder(whole, { ...parts, ...devVars })).toBe(whole.MIGRATIONS_DATABASE_URL);
  });

  it('is none of .dev.vars in a lenient environment without one either', () => {
    expect(migratedUnder({ BACKEND_ENV: 'local' }, { ...parts, MIGRATIONS_DATABASE_URL: wrong })).toBeNull();
  });

  it('has to be named in a strict one', () => {
    expect(() => migrationEnvironment({ BACKEND_ENV: 'production' })).toThrow(/MIGRATIONS_DATABASE_URL/);
  });
});

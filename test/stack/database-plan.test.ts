import { expect, test } from 'vitest';
import { planDatabase } from '../../scripts/stack/database-plan.ts';

const local = 'postgres://admin@127.0.0.1/dev';

test.each([
  ['nothing is set', {}, null, { kind: 'local', postgresUrl: null }],
  ['a real PostgreSQL is offered', {}, local, { kind: 'local', postgresUrl: local }],
  ['DATABASE_URL is empty', { DATABASE_URL: '' }, null, { kind: 'local', postgresUrl: null }],
  ['the environment is strict', { ENVIRONMENT: 'staging' }, local, { kind: 'none' }],
  ['any of three names is strict', { BACKEND_ENV: 'local', NODE_ENV: 'production' }, null, { kind: 'none' }],
  ['DATABASE_URL is SQLite', { SQLALCHEMY_DATABASE_URI: 'sqlite:///x.db' }, null, { kind: 'none' }],
  ['DATABASE_URL is malformed', { DATABASE_URL: 'postgres://nobody' }, null, { kind: 'none' }],
  ['some of the parts are set', { DB_HOST: 'localhost' }, null, { kind: 'none' }],
  [
    'DATABASE_URL names Neon',
    { DATABASE_URL: 'postgresql+psycopg://a:pw@ep-1.neon.tech/x?sslmode=require' },
    local,
    {
      kind: 'remote',
      url: 'postgres://a:pw@ep-1.neon.tech/x?sslmode=require',
      host: 'ep-1.neon.tech',
    },
  ],
  [
    'DATABASE_URL names this machine',
    { BACKEND_DATABASE_URL: 'postgres://a:pw@localhost:5433/x?sslmode=require' },
    local,
    { kind: 'loopback', url: 'postgres://a:pw@localhost:5433/x', host: 'localhost:5433/x' },
  ],
  [
    'the parts name this machine',
    { DB_HOST: '127.0.0.1', DB_NAME: 'x', DB_APP_USER: 'a', DB_APP_PASSWORD: 'p/w' },
    null,
    { kind: 'loopback', url: 'postgres://a:p%2Fw@127.0.0.1:5432/x', host: '127.0.0.1:5432/x' },
  ],
  [
    'an endpoint is given',
    { NEON_HTTP_ENDPOINT: 'http://127.0.0.1:4444/sql' },
    null,
    { kind: 'endpoint', url: 'http://127.0.0.1:4444/sql' },
  ],
])('the database is planned when %s', (_, variables, localPostgresUrl, plan) => {
  expect(planDatabase(variables, localPostgresUrl)).toEqual(plan);
});

import { describe, expect, it } from 'vitest';
import { embeddedDatabaseUrl } from '../../src/platform/config/database.ts';
import { configOf, type Env, problemsOf, strictEnv, warningsOf } from './config-fixtures.ts';

const urlOf = (env: Env) => configOf(env).database.url.reveal();

const parts = { DB_HOST: 'db.example', DB_NAME: 'itsor', DB_APP_USER: 'app', DB_APP_PASSWORD: 'pw' };
const { DATABASE_URL: _, ...strictWithoutUrl } = strictEnv;

describe('DATABASE_URL', () => {
  it('is the embedded database when unset in a local environment', () => {
    expect(embeddedDatabaseUrl).toBe('postgres://itsor_app:itsor_app@embedded.localhost/itsor');
    expect(urlOf({})).toBe(embeddedDatabaseUrl);
    expect(configOf({}).database.endpoint).toBeNull();
  });

  it.each([
    'postgres',
    'postgresql',
    'postgresql+psycopg',
    'postgresql+psycopg2',
    'postgresql+asyncpg',
    'PostgreSQL',
  ])('is read with the scheme %s', (scheme) => {
    expect(urlOf({ DATABASE_URL: `${scheme}://u:p%40%2F@h:6543/d?sslmode=require` })).toBe(
      'postgres://u:p%40%2F@h:6543/d?sslmode=require',
    );
  });

  it.each(['sqlite:///./backend/itsor.db', 'sqlite+aiosqlite:///x', 'SQLite://', 'file:local.db'])(
    'is refused as SQLite, with the reason: %s',
    (url) => {
      expect(problemsOf({ BACKEND_DATABASE_URL: url })).toEqual([
        expect.stringMatching(/^BACKEND_DATABASE_URL is SQLite.*no file system.*PostgreSQL/),
      ]);
      expect(problemsOf({ ...strictEnv, DATABASE_URL: url })).toHaveLength(1);
    },
  );

  it.each([
    'mysql://u:p@h/d',
    'postgresql+pg8000://u:p@h/d',
    'https://u:p@h/d',
    'host=h dbname=d',
    'postgres://u:p#x@h/d',
    'postgres://u:p%zz@h/d',
    'postgres://h/d',
    'postgres://u@h/d',
    'postgres://u:p@h',
    'postgres://u:p@h/',
    'postgres:///d',
    'postgres://u:p@h:99999/d',
    'postgres://u:p@h/d?sslmode=on',
    // Proves ASVS 16.5.1.
  ])('is refused by name: %s', (url) => {
    expect(problemsOf({ DATABASE_URL: url })).toEqual([expect.stringMatching(/^DATABASE_URL (is not|must)/)]);
  });

  it.each([
    'postgres://app:hunter@ss/w?rd@db.example.com/itsor',
    'postgres://app:p@hunter/x@db.example.com/itsor',
    'postgres://app:p@hunter?x@db.example.com/itsor',
    'postgres://app:p@hunter#x@db.example.com/itsor',
    'postgres://app:1/hunter@db.example.com/itsor',
    'postgres://app:1?hunter@db.example.com/itsor',
    'postgres://app:1#hunter@db.example.com/itsor',
    'postgres://a/b@c:hunter@db.example.com/itsor',
  ])('with a password that is not percent-encoded is refused, and no piece of it is told: %s', (url) => {
    const problems = problemsOf({ DATABASE_URL: url });
    expect(problems).toEqual([
      expect.stringMatching(/^DATABASE_URL has one of @ .* must be percent-encoded/),
    ]);
    expect(problems.join()).not.toMatch(/hunter|ss\/w/);
    expect(problemsOf({ MIGRATIONS_DATABASE_URL: url })).toEqual([
      expect.stringContaining('percent-encoded'),
    ]);
  });

  it.each([
    'postgres://app%40corp:p%40ss%2Fw%3Frd%23@h/d',
    'postgres://app:p@ss@h/d',
    'postgres://app:p@h/my%40db?application_name=me%40here&sslmode=require',
  ])('is taken with an @ that leaves no doubt: %s', (url) => {
    expect(problemsOf({ DATABASE_URL: url })).toEqual([]);
  });

  it.each(['require', 'verify-ca', 'verify-full'])('is taken with sslmode=%s when strict', (mode) => {
    expect(problemsOf({ ...strictEnv, DATABASE_URL: `postgres://u:p@h/d?sslmode=${mode}` })).toEqual([]);
    expect(problemsOf({ ...strictWithoutUrl, ...parts, DB_SSLMODE: mode })).toEqual([]);
  });

  it.each(['disable', 'allow', 'prefer'])('is refused with sslmode=%s when strict', (mode) => {
    const refused = expect.stringContaining('must have an sslmode of require, verify-ca or verify-full');
    expect(problemsOf({ DATABASE_URL: `postgres://u:p@h/d?sslmode=${mode}` })).toEqual([]);
    expect(problemsOf({ ...strictEnv, DATABASE_URL: `postgres://u:p@h/d?sslmode=${mode}` })).toEqual([
      refused,
    ]);
    const both = `postgres://u:p@h/d?sslmode=require&sslmode=${mode}`;
    expect(problemsOf({ ...strictEnv, DATABASE_URL: both })).toEqual([refused]);
    expect(problemsOf({ ...strictWithoutUrl, ...parts, DB_SSLMODE: mode })).toEqual([
      expect.stringMatching(/^DB_SSLMODE must have/),
    ]);
  });

  it('is refused without sslmode when strict, and says what to append', () => {
    expect(problemsOf({ ...strictEnv, DATABASE_URL: 'postgres://u:p@h/d' })).toEqual([
      expect.stringMatching(/^DATABASE_URL .*append \?sslmode=require/),
    ]);
  });

  it('is built from its parts, percent-encoded, with TLS by default', () => {
    const env = {
      ...parts,
      DB_APP_USER: 'a b',
      DB_APP_PASSWORD: 'p@:/?#%ü',
      DB_NAME: 'my db',
      DB_PORT: '6543',
    };
    expect(urlOf(env)).toBe(
      'postgres://a%20b:p%40%3A%2F%3F%23%25%C3%BC@db.example:6543/my%20db?sslmode=require',
    );
    expect(urlOf({ ...parts, DB_HOST: '::1' })).toBe('postgres://app:pw@[::1]:5432/itsor?sslmode=require');
    expect(problemsOf({ ...strictWithoutUrl, ...parts })).toEqual([]);
  });

  it.each(Object.keys(parts))('names %s when that part is missing', (name) => {
    const detail = `${name} is needed to build DATABASE_URL from the DB_* parts`;
    expect(problemsOf({ ...parts, [name]: '' })).toEqual([detail]);
    expect(problemsOf({ ...strictWithoutUrl, ...parts, [name]: '' })).toEqual([detail]);
  });

  it.each([
    ['DB_HOST', 'h/d?sslmode=disable#'],
    ['DB_HOST', 'evil@h'],
    ['DB_PORT', '0'],
    ['DB_SSLMODE', 'maybe'],
  ])('refuses a malformed part: %s=%s', (name, value) => {
    expect(problemsOf({ ...parts, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name} must be`)),
    ]);
  });

  it('wins over the parts, with a warning when they differ', () => {
    const env = { ...parts, DATABASE_URL: 'postgres://u:p@other/d' };
    expect(urlOf(env)).toBe('postgres://u:p@other/d');
    expect(warningsOf(env)).toEqual([expect.stringMatching(/^DB_HOST .*differ from DATABASE_URL/)]);
    expect(warningsOf({ ...parts, DATABASE_URL: urlOf(parts) })).toEqual([]);
  });
});

describe('the two database roles', () => {
  it.each(['MIGRATIONS_DATABASE_URL', 'DB_MIGRATOR_USER', 'DB_MIGRATOR_PASSWORD'])(
    // Proves ASVS 13.3.2.
    'refuses %s in a strict Worker',
    (name) => {
      const env = { [name]: name.endsWith('URL') ? 'postgres://migrator:p@h/d' : 'migrator' };
      expect(problemsOf(env)).toEqual([]);
      expect(problemsOf({ ...strictEnv, ...env })).toEqual([
        expect.stringMatching(new RegExp(`^${name} .*migrations`)),
      ]);
    },
  );

  // Proves ASVS 13.2.2.
  it('refuses one user for both, however it is spelled', () => {
    const same = expect.stringContaining('must not name the same user');
    const app = { DATABASE_URL: 'postgres://it%73or:p@h/d' };
    expect(problemsOf({ ...app, MIGRATIONS_DATABASE_URL: 'postgres://itsor:q@h2/d' })).toEqual([same]);
    expect(problemsOf({ ...app, DB_MIGRATOR_USER: 'itsor' })).toEqual([same]);
    expect(problemsOf({ ...parts, DB_MIGRATOR_USER: 'app' })).toEqual([same]);
    expect(problemsOf({ MIGRATIONS_DATABASE_URL: 'postgres://itsor_app:q@h2/d' })).toEqual([same]);
    expect(problemsOf({ ...app, MIGRATIONS_DATABASE_URL: 'postgres://other:q@h2/d' })).toEqual([]);
  });

  it('refuses a MIGRATIONS_DATABASE_URL that names no PostgreSQL', () => {
    expect(problemsOf({ MIGRATIONS_DATABASE_URL: 'sqlite://' })).toEqual([
      expect.stringMatching(/^MIGRATIONS_DATABASE_URL is SQLite/),
    ]);
  });

  it('refuses the former names, and tells the names that replace them', () => {
    expect(problemsOf({ DB_USER: 'u', DB_PASSWORD: 'p' })).toEqual([
      expect.stringMatching(/^DB_USER .*DB_APP_USER.*DB_MIGRATOR_USER/),
      expect.stringMatching(/^DB_PASSWORD .*DB_APP_PASSWORD.*DB_MIGRATOR_PASSWORD/),
    ]);
  });
});

it('keeps the path of NEON_HTTP_ENDPOINT', () => {
  const env = { NEON_HTTP_ENDPOINT: 'http://127.0.0.1:4444/sql' };
  expect(configOf(env).database.endpoint).toBe('http://127.0.0.1:4444/sql');
});

import { describe, expect, it } from 'vitest';
import { migratorUrl } from '../../scripts/stack/migrator-url.ts';
import { overlay } from '../../scripts/stack/overlay.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { readEnvironment, resolveVariables } from '../../src/platform/config/resolve.ts';

const local = 'postgres://itsor_app:x@127.0.0.1/local_dev';
const textOf = (variables: Record<string, string>, name: 'DATABASE_URL' | 'JWT_ACCESS_MINUTES') =>
  resolveVariables(variables).given.get(name)?.text;

describe('variables over others', () => {
  it('win under another name too', () => {
    const merged = overlay(
      { DATABASE_URL: local, JWT_ACCESS_MINUTES: '60', LOG_LEVEL: 'debug' },
      { BACKEND_DATABASE_URL: 'postgres://a:b@db.example/prod', JWT_ACCESS_TTL_MIN: '5' },
    );
    expect(textOf(merged, 'DATABASE_URL')).toBe('postgres://a:b@db.example/prod');
    expect(textOf(merged, 'JWT_ACCESS_MINUTES')).toBe('5');
    expect(merged.LOG_LEVEL).toBe('debug');
  });

  it('name a database as a whole: nothing of the other one is mixed into it', () => {
    const parts = {
      DB_HOST: 'db.example',
      DB_NAME: 'prod',
      DB_MIGRATOR_USER: 'm',
      DB_MIGRATOR_PASSWORD: 'p',
    };
    const under = {
      DATABASE_URL: local,
      MIGRATIONS_DATABASE_URL: 'postgres://itsor_migrator:x@127.0.0.1/local_dev',
    };
    expect(new URL(migratorUrl(overlay(under, parts)) ?? '').pathname).toBe('/prod');
    expect(migratorUrl(overlay(under, { DATABASE_URL: 'postgres://a:b@db.example/prod' }))).toBeNull();
  });

  it('that are empty unset nothing but themselves', () => {
    expect(textOf(overlay({ DATABASE_URL: local }, { BACKEND_DATABASE_URL: '' }), 'DATABASE_URL')).toBe(
      local,
    );
    expect(textOf(overlay({ DATABASE_URL: local }, { DATABASE_URL: '' }), 'DATABASE_URL')).toBeUndefined();
  });

  it('make no strict environment lenient', () => {
    const merged = overlay({ BACKEND_ENV: 'production' }, { NODE_ENV: 'development' });
    expect(readEnvironment(merged).strict).toBe(true);
    expect(loadConfig(merged).ok).toBe(false);
  });
});

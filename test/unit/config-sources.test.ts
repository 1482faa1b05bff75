import { describe, expect, it } from 'vitest';
import { isConfigVariable, variableNames, variables } from '../../src/platform/config/variables.ts';
import {
  configOf,
  otherStrongSecret,
  problemsOf,
  strictEnv,
  strongSecret,
  warningsOf,
} from './config-fixtures.ts';

describe('where a variable is found', () => {
  it.each([
    ['JWT_SECRET_KEY', strongSecret, () => configOf({ JWT_SECRET_KEY: strongSecret }).jwt.secret.reveal()],
    ['SMTP_USER', 'a@b.example', () => gmailOf({ SMTP_USER: 'a@b.example', GMAIL_APP_PASSWORD: 'p' }).user],
    [
      'SMTP_PASSWORD',
      'app',
      () => gmailOf({ GMAIL_USER: 'a@b.example', SMTP_PASSWORD: 'app' }).password.reveal(),
    ],
  ])('reads %s in the place of the canonical name', (_, expected, read) => {
    expect(read()).toBe(expected);
  });

  it.each(['BACKEND_DATABASE_URL', 'SQLALCHEMY_DATABASE_URI'])('reads the database from %s', (alias) => {
    const config = configOf({ [alias]: 'postgresql+psycopg://u:p@db.example/itsor' });
    expect(config.database.url.reveal()).toBe('postgres://u:p@db.example/itsor');
  });

  it.each([
    [{ JWT_ACCESS_MINUTES: '15' }, 900],
    [{ JWT_ACCESS_TTL_MIN: '15' }, 900],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '3600' }, 3600],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '61' }, 61],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '60' }, 60],
    [{ JWT_ACCESS_TOKEN_EXPIRES: '86400' }, 86_400],
    [{}, 3600],
  ])('keeps the access life in seconds: %j is %i', (env, seconds) => {
    expect(configOf(env).jwt.accessTtlSeconds).toBe(seconds);
  });

  it('states the bounds of an alias in its own unit', () => {
    expect(problemsOf({ JWT_ACCESS_TOKEN_EXPIRES: '59' })).toEqual([
      'JWT_ACCESS_TOKEN_EXPIRES must be a whole number of seconds from 60 to 86400, without a unit (read as JWT_ACCESS_MINUTES)',
    ]);
    expect(problemsOf({ JWT_ACCESS_TTL_MIN: '1441' })).toEqual([
      'JWT_ACCESS_TTL_MIN must be a whole number of minutes from 1 to 1440, without a unit (read as JWT_ACCESS_MINUTES)',
    ]);
  });

  it('lets the canonical name win and warns when an alias differs', () => {
    const env = { JWT_SECRET: strongSecret, JWT_SECRET_KEY: otherStrongSecret };
    expect(configOf(env).jwt.secret.reveal()).toBe(strongSecret);
    expect(warningsOf(env)).toEqual(['JWT_SECRET_KEY differs from JWT_SECRET, which is used']);
  });

  it('compares an alias after converting its unit', () => {
    expect(warningsOf({ JWT_ACCESS_MINUTES: '60', JWT_ACCESS_TOKEN_EXPIRES: '3600' })).toEqual([]);
    expect(warningsOf({ JWT_ACCESS_MINUTES: '60', JWT_ACCESS_TOKEN_EXPIRES: '60' })).toHaveLength(1);
  });

  it('warns when two aliases differ', () => {
    const env = { BACKEND_DATABASE_URL: 'postgres://u:p@a/x', SQLALCHEMY_DATABASE_URI: 'postgres://u:p@b/x' };
    expect(warningsOf(env)).toEqual([
      'SQLALCHEMY_DATABASE_URI differs from BACKEND_DATABASE_URL, which is used',
    ]);
  });

  it('names the alias that was set when its value is refused', () => {
    const { JWT_SECRET: _, ...env } = strictEnv;
    expect(problemsOf({ ...env, JWT_SECRET_KEY: 'short' })).toEqual([
      expect.stringMatching(/^JWT_SECRET_KEY is shorter than 32 bytes.*\(read as JWT_SECRET\)$/),
    ]);
  });
});

describe('what counts as set', () => {
  it('treats an empty string, white space, undefined and null as unset', () => {
    const env = { JWT_ISSUER: '', JWT_AUDIENCE: ' \n ', RATE_LIMIT_MAX: undefined, LOG_LEVEL: null };
    expect(configOf(env)).toEqual(configOf({}));
  });

  it('falls through an empty canonical name to its alias', () => {
    expect(configOf({ JWT_SECRET: '', JWT_SECRET_KEY: strongSecret }).jwt.secret.reveal()).toBe(strongSecret);
  });

  it('trims white space', () => {
    expect(configOf({ JWT_ISSUER: '  us \r\n' }).jwt.issuer).toBe('us');
  });

  it('takes the numbers and booleans that wrangler.toml can hold', () => {
    const config = configOf({ RATE_LIMIT_MAX: 7, SESSION_COOKIE_SECURE: true });
    expect(config.limits.rate.max).toBe(7);
    expect(config.cookies.secure).toBe(true);
  });

  it('ignores bindings to services', () => {
    const env = { RATE_LIMITER: { idFromName: () => 1 }, UPLOADS: {}, ASSETS: { fetch: () => 1 } };
    expect(configOf(env)).toEqual(configOf({}));
    expect(warningsOf(env)).toEqual([]);
  });

  it.each([
    ['an object', {}, 'must be text'],
    ['a lone surrogate', 'a\ud800', 'must be well-formed Unicode'],
    ['a line break', 'a\nb', 'must not contain control characters or line breaks'],
    ['a NUL', 'a\0b', 'must not contain control characters or line breaks'],
  ])('refuses %s in a variable, with one problem only', (_, given, detail) => {
    expect(problemsOf({ ...strictEnv, SECRET_KEY: given })).toEqual([`SECRET_KEY ${detail}`]);
  });
});

describe('names', () => {
  it.each(['BACKEND_ENV', 'NODE_ENV', 'SMTP_USER', 'DB_USER', 'REDIS_URL', 'RUN_E2E', 'FLAG_ANYTHING'])(
    'knows %s',
    (name) => expect(isConfigVariable(name)).toBe(true),
  );

  it.each(['PATH', 'HOSTNAME', 'RATE_LIMITER', 'toString', 'constructor', 'jwt_secret'])(
    'does not know %s',
    (name) => expect(isConfigVariable(name)).toBe(false),
  );

  it('are unique, aliases included', () => {
    const names = variableNames.flatMap((name) => [
      name,
      ...variables[name].aliases.map((alias) => alias.name),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['SESSION_COOKIE_SAME_SITE', 'SESSION_COOKIE_SAMESITE'],
    ['JWT_SERCET', 'JWT_SECRET'],
    ['RATE_LIMIT_MX', 'RATE_LIMIT_MAX'],
  ])('asks whether %s was meant to be %s', (given, meant) => {
    expect(warningsOf({ [given]: '1' })).toEqual([`${given} is not read; is ${meant} meant?`]);
  });

  it('causes no warning for unrelated names', () => {
    expect(warningsOf({ PATH: '/bin', MY_OWN_SETTING: '1', DATA_DIR: 'x' })).toEqual([]);
  });

  it('says that REDIS_URL is not used', () => {
    expect(warningsOf({ REDIS_URL: 'redis://localhost' })).toEqual([
      expect.stringMatching(/^REDIS_URL is not used/),
    ]);
  });
});

const gmailOf = (env: Record<string, string>) => {
  const { provider } = configOf({ EMAIL_PROVIDER: 'gmail', ...env }).email;
  if (provider.kind !== 'gmail') throw new Error(`expected gmail, got ${provider.kind}`);
  return provider;
};

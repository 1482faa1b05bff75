import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import {
  configOf,
  type Env,
  otherStrongSecret,
  problemsOf,
  strictEnv,
  strongSecret,
  warningsOf,
} from './config-fixtures.ts';

const without = (name: string): Env => ({ ...strictEnv, [name]: undefined });

/** From the user guide of FastAPI: long, random, and public. */
const publishedSecret = '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7';

describe('strictness', () => {
  it.each(['local', 'development', 'dev', 'test', 'LOCAL', ' Test '])('is off in %s', (name) => {
    expect(configOf({ BACKEND_ENV: name }).environment.strict).toBe(false);
  });

  it.each(['production', 'staging', 'prod', 'locals', 'preview'])('is on in %s', (name) => {
    expect(configOf({ ...strictEnv, BACKEND_ENV: name }).environment).toEqual({ name, strict: true });
  });

  it.each(['BACKEND_ENV', 'ENVIRONMENT', 'NODE_ENV'])('is on when %s alone asks for it', (name) => {
    const lenient = { BACKEND_ENV: 'local', ENVIRONMENT: 'development', NODE_ENV: 'test' };
    const loaded = loadConfig({ ...lenient, [name]: 'Production' });
    expect(loaded).toMatchObject({ ok: false, strict: true });
    expect(configOf({ ...strictEnv, ...lenient, [name]: 'Production' }).environment.name).toBe('production');
  });

  it('is on when the environment cannot be read', () => {
    expect(loadConfig({ BACKEND_ENV: {} })).toMatchObject({ ok: false, strict: true });
    expect(loadConfig({ BACKEND_ENV: 'local', NODE_ENV: 'te\0st' })).toMatchObject({
      ok: false,
      strict: true,
    });
  });

  it('lets a local environment start with nothing set, without a warning', () => {
    expect(loadConfig({})).toMatchObject({ ok: true, warnings: [] });
  });

  it('lets an environment start with the required variables alone, without a warning', () => {
    expect(loadConfig(strictEnv)).toMatchObject({ ok: true, warnings: [] });
  });
});

describe('a strict environment', () => {
  it.each(Object.keys(strictEnv).filter((name) => name !== 'BACKEND_ENV'))(
    // Proves ASVS 13.2.3; ASVS 13.3.1.
    'does not start without %s',
    (name) => {
      expect(problemsOf(without(name))).toEqual([
        expect.stringMatching(new RegExp(`^${name} (is required|must be true)`)),
      ]);
    },
  );

  it('names every missing variable at once', () => {
    const named = problemsOf({ BACKEND_ENV: 'production' }).map((problem) => problem.split(' ')[0]);
    expect(named.sort()).toEqual(
      Object.keys(strictEnv)
        .filter((name) => name !== 'BACKEND_ENV')
        .sort(),
    );
  });

  // Proves ASVS 11.2.3; RFC 8725, 3.5.
  it.each(['JWT_SECRET', 'SECRET_KEY'])('refuses a weak %s', (name) => {
    const refused = (value: string) => problemsOf({ ...strictEnv, [name]: value });
    expect(refused('x7Yb2zTn9Lw4Kd8Xv1Rf6Hs3Gm5Pc0J')).toEqual([
      expect.stringContaining(`${name} is shorter than 32`),
    ]);
    expect(refused('dev-secret-change-me')).toEqual([expect.stringContaining(`${name} is the default`)]);
    expect(refused('dev-session-key-change-me')).toEqual([expect.stringContaining(`${name} is the default`)]);
    expect(refused(publishedSecret)).toEqual([expect.stringContaining(`${name} is a published example`)]);
  });

  it.each([
    'your-256-bit-secret',
    'a-string-secret-at-least-256-bits-long',
    'A-STRING-SECRET-AT-LEAST-256-BITS-LONG',
    'your-super-secret-jwt-token-with-at-least-32-characters-long',
    'please-change-me-before-you-go-to-production',
    'changeme-changeme-changeme-changeme-changeme',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'abababababababababababababababababababab',
    '1001011101100010110100111010001101001110',
    '0123456789abcdef0123456789abcdef',
    'passwordpasswordpasswordpasswordpassword',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    'zyxwvutsrqponmlkjihgfedcba9876543210',
    // Proves ASVS 13.2.3.
  ])('refuses the well-known or patterned secret %s', (value) => {
    expect(problemsOf({ ...strictEnv, JWT_SECRET: value })).toHaveLength(1);
  });

  // Proves RFC 8725, 3.5.
  it('counts the bytes of a secret in UTF-8, not its characters', () => {
    expect(problemsOf({ ...strictEnv, JWT_SECRET: 'äöüßéèêëâàáåæçñø' })).toEqual([]);
  });

  it('takes random secrets in the usual encodings', () => {
    for (let round = 0; round < 500; round++) {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      const base64 = btoa(String.fromCharCode(...bytes));
      expect(problemsOf({ ...strictEnv, JWT_SECRET: hex, SECRET_KEY: base64 })).toEqual([]);
    }
  });

  it('takes any secret in local environments', () => {
    expect(problemsOf({ JWT_SECRET: 'x', SECRET_KEY: 'x', JWT_SECRET_PREVIOUS: 'y,z' })).toEqual([]);
  });

  it('refuses one secret for both purposes', () => {
    expect(problemsOf({ ...strictEnv, SECRET_KEY: strongSecret })).toEqual([
      expect.stringMatching(/^SECRET_KEY must differ from JWT_SECRET/),
    ]);
    expect(problemsOf({ ...strictEnv, SECRET_KEY_PREVIOUS: strongSecret })).toEqual([
      'SECRET_KEY_PREVIOUS entry 1 must differ from JWT_SECRET',
    ]);
  });

  it.each(['JWT_SECRET_PREVIOUS', 'SECRET_KEY_PREVIOUS'])(
    'refuses a weak entry of %s by its position',
    (name) => {
      const strong = 'Mf4Qz9Xc2Vb7Nn1Lk6Jh3Gd8Sa5Pw0OiUyTr';
      expect(problemsOf({ ...strictEnv, [name]: `${strong}, short` })).toEqual([
        `${name} entry 2 is shorter than 32 bytes`,
      ]);
      expect(problemsOf({ ...strictEnv, [name]: publishedSecret })).toHaveLength(1);
      expect(problemsOf({ ...strictEnv, [name]: strong })).toEqual([]);
    },
  );

  it('warns of a secret that is shorter than the digest', () => {
    expect(warningsOf({ ...strictEnv, JWT_ALGORITHM: 'HS512' })).toEqual([
      expect.stringMatching(/^JWT_SECRET is shorter than the digest/),
    ]);
    expect(
      warningsOf({ ...strictEnv, JWT_ALGORITHM: 'HS512', JWT_SECRET: strongSecret + otherStrongSecret }),
    ).toEqual([]);
  });

  it('refuses plain http', () => {
    const plain = {
      ALLOWED_ORIGINS: 'https://a.example,http://b.example',
      API_URL: 'http://api.example.com',
      APP_URL: 'http://app.example.com',
      NEON_HTTP_ENDPOINT: 'http://127.0.0.1:4444/sql',
      S3_ENDPOINT: 'http://s3.example',
      OIDC_PROVIDERS: '[{"id":"a","issuer":"http://idp.example","client_id":"b","client_secret":"c"}]',
    };
    const s3 = {
      UPLOAD_STORAGE: 's3',
      S3_BUCKET: 'b',
      AWS_REGION: 'r',
      AWS_ACCESS_KEY_ID: 'i',
      AWS_SECRET_ACCESS_KEY: 'k',
    };
    expect(problemsOf({ ...plain, ...s3 })).toEqual([]);
    expect(problemsOf({ ...strictEnv, ...plain, ...s3 }).sort()).toEqual([
      'ALLOWED_ORIGINS entry 2 must be https',
      'API_URL must be an https URL',
      'APP_URL must be an https URL',
      'NEON_HTTP_ENDPOINT must be an https URL',
      'OIDC_PROVIDERS entry 1: issuer must be an https URL',
      'S3_ENDPOINT must be an https URL',
    ]);
  });

  it.each([
    ['SESSION_COOKIE_SECURE', 'false', 'must be true'],
    ['EMAIL_PROVIDER', 'capture', 'capture sends nothing'],
    ['UPLOAD_SCANNER', 'builtin', 'builtin is for local'],
    ['ENABLE_METRICS', '1', 'METRICS_TOKEN is required'],
  ])('refuses %s=%s', (name, value, detail) => {
    expect(problemsOf({ [name]: value })).toEqual([]);
    expect(problemsOf({ ...strictEnv, [name]: value })).toEqual([expect.stringContaining(detail)]);
  });

  it('refuses a weak secret for scan results', () => {
    const aws = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'key' };
    const s3 = { UPLOAD_STORAGE: 's3', S3_BUCKET: 'files', ...aws };
    const env = { ...s3, UPLOAD_SCANNER: 'guardduty', SCAN_CALLBACK_SECRET: 'short' };
    expect(problemsOf(env)).toEqual([]);
    expect(problemsOf({ ...strictEnv, ...env })).toEqual([
      expect.stringContaining('SCAN_CALLBACK_SECRET is shorter'),
    ]);
  });

  it.each([1, 2, 3])("refuses Cloudflare's Turnstile key for tests %dx", (digit) => {
    const env = { TURNSTILE_SECRET_KEY: `${digit}x0000000000000000000000000000000AA` };
    expect(problemsOf(env)).toEqual([]);
    expect(problemsOf({ ...strictEnv, ...env })).toEqual([
      expect.stringMatching(/^TURNSTILE_SECRET_KEY is one of Cloudflare's keys for tests/),
    ]);
    expect(problemsOf({ ...strictEnv, TURNSTILE_SECRET_KEY: '0x4AAAAAAAB1cD2eF3gH4iJ5kL6mN7oP8qR' })).toEqual(
      [],
    );
  });

  it('refuses answers whose time tells whether an account exists', () => {
    const quick = { EVEN_ANSWER_MS: '99' };
    expect(problemsOf(quick)).toEqual([]);
    expect(problemsOf({ ...strictEnv, ...quick })).toEqual(['EVEN_ANSWER_MS must be at least 100']);
  });

  it('has no uploads without a scanner, no local origins and no capture', () => {
    const { uploads, origins, email } = configOf(strictEnv);
    expect(uploads.scanner).toBeNull();
    expect(origins.allowed).toEqual([]);
    expect(email.provider.kind).toBe('resend');
  });

  // Proves ASVS 11.4.2.
  it('warns of Argon2 parameters below those that OWASP lists', () => {
    const weak = { ARGON2_MEMORY_KIB: '7168', ARGON2_ITERATIONS: '4' };
    expect(warningsOf({ ...strictEnv, ...weak })).toEqual([expect.stringContaining('OWASP')]);
    expect(warningsOf({ ...strictEnv, ...weak, ARGON2_ITERATIONS: '5' })).toEqual([]);
    expect(warningsOf(weak)).toEqual([]);
  });
});

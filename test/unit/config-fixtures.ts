import { assert } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import type { Config } from '../../src/platform/config/schema.ts';

export type Env = Record<string, unknown>;

export const strongSecret = 'q7Yb2zTn9Lw4Kd8Xv1Rf6Hs3Gm5Pc0JaEuWi';
export const otherStrongSecret = 'Zk3Nf8Vq1Tx6Bd9Ms4Lh7Wc2Rg5Yp0JeUoSa';

/** The least that a strict environment starts with; nothing in it may be missing. */
export const strictEnv: Env = {
  BACKEND_ENV: 'production',
  APP_URL: 'https://app.example.com',
  DATABASE_URL: 'postgres://itsor_app:pa55@db.example.com/itsor?sslmode=require',
  JWT_SECRET: strongSecret,
  SECRET_KEY: otherStrongSecret,
  SESSION_COOKIE_SECURE: 'true',
  RESEND_API_KEY: 're_1234567890',
  FROM_EMAIL: 'Itsor <no-reply@example.com>',
};

export const configOf = (env: Env): Config => {
  const loaded = loadConfig(env);
  assert(loaded.ok, loaded.ok ? '' : JSON.stringify(loaded.problems));
  return loaded.config;
};

/** `NAME detail` for every problem; empty where the configuration is right. */
export const problemsOf = (env: Env): string[] => {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.problems.map(({ variable, detail }) => `${variable} ${detail}`);
};

export const warningsOf = (env: Env): string[] =>
  loadConfig(env).warnings.map(({ variable, detail }) => `${variable} ${detail}`);

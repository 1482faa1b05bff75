import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/platform/config/load.ts';
import { Secret } from '../../src/platform/config/secret.ts';
import { configVariableNames, variables } from '../../src/platform/config/variables.ts';
import { configOf, strictEnv } from './config-fixtures.ts';

const canary = 'kAnArY7';

/** Shapes that get a value past one check or another, so that later ones see it too. */
const shapes: readonly ((marker: string) => unknown)[] = [
  (marker) => marker,
  (marker) => ({ [marker]: marker }),
  (marker) => `${marker}\0`,
  (marker) => `${marker}\ud800`,
  (marker) => `${marker},${marker},,*`,
  (marker) => `https://${marker}:${marker}@${marker}.example/${marker}?${marker}#${marker}`,
  (marker) => `http://${marker}.example/${marker}`,
  (marker) => `postgres://${marker}:${marker}@${marker}/${marker}?sslmode=${marker}`,
  (marker) => `postgres://itsor_app:${marker}@${marker}/${marker}?sslmode=disable`,
  (marker) => `sqlite:///${marker}`,
  (marker) => `[{"${marker}": "${marker}", "id": "${marker}", "issuer": "${marker}"}]`,
  (marker) => `[${marker}`,
  (marker) => `-----BEGIN PRIVATE KEY-----\n${marker}\n-----END PRIVATE KEY-----`,
  (marker) => `${marker} <${marker}>`,
  (marker) => `12${marker}`,
];

const names = [...configVariableNames, 'FLAG_UNKNOWN', 'JWT_SERCET'];

const report = (env: Record<string, unknown>): string => {
  const loaded = loadConfig(env);
  return JSON.stringify(loaded.ok ? loaded.warnings : [loaded.problems, loaded.warnings]);
};

describe('a report of what is wrong', () => {
  // Proves ASVS 16.2.5.
  it('holds no value, whichever variable holds it and in whatever shape', () => {
    for (const environment of ['local', 'production']) {
      for (const algorithm of ['HS256', 'ES256']) {
        for (const shape of shapes) {
          for (const name of names) {
            const env = {
              ...strictEnv,
              BACKEND_ENV: environment,
              JWT_ALGORITHM: algorithm,
              [name]: shape(canary),
            };
            expect(report(env), name).not.toContain(canary);
            expect(report(env).toLowerCase(), name).not.toContain(canary.toLowerCase());
          }
        }
      }
    }
  }, 120_000);

  it('holds no value while every variable is wrong at once', () => {
    for (const shape of shapes) {
      const env = Object.fromEntries(names.map((name, index) => [name, shape(`${canary}${index}`)]));
      expect(report(env).toLowerCase()).not.toContain(canary.toLowerCase());
    }
  });

  it('names every wrong variable, and not the first alone', () => {
    const wrong = [
      'RATE_LIMIT_MAX',
      'LOG_LEVEL',
      'SESSION_COOKIE_SAMESITE',
      'FROM_EMAIL',
      'OIDC_PROVIDERS',
      'HOST',
    ];
    const loaded = loadConfig(Object.fromEntries(wrong.map((name) => [name, '<>'])));
    expect(loaded.ok ? [] : loaded.problems.map(({ variable }) => variable).sort()).toEqual(
      [...wrong].sort(),
    );
  });
});

describe('the configuration', () => {
  const everySecret = {
    ...strictEnv,
    JWT_SECRET_PREVIOUS: 'Mf4Qz9Xc2Vb7Nn1Lk6Jh3Gd8Sa5Pw0OiUyTr',
    SECRET_KEY_PREVIOUS: 'Bv7Cx2Zl9Kj4Hg1Fd6Sp3Oi8Uy5Tr0EwQnMa',
    METRICS_TOKEN: 'm3tr1c5',
    TURNSTILE_SECRET_KEY: 'turn5t1le',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.example?x=0t3lquery',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=0t3l',
    OIDC_PROVIDERS: '[{"id":"a","issuer":"https://a.example","client_id":"c","client_secret":"01dc5ecret"}]',
    API_URL: 'https://api.example.com',
    GITHUB_CLIENT_ID: 'id',
    GITHUB_CLIENT_SECRET: 'g1thub5ecret',
    UPLOAD_STORAGE: 's3',
    S3_BUCKET: 'bucket',
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AK1A',
    AWS_SECRET_ACCESS_KEY: 'aw55ecret',
    UPLOAD_SCANNER: 'guardduty',
    SCAN_CALLBACK_SECRET: 'Ht5Rw0Qe7Ya2Us9Xd4Zf1Cg6Vh3Bj8NkMlPo',
  };

  // Proves ASVS 13.3.1; ASVS 16.2.5.
  it('prints none of its secrets', () => {
    const printed = JSON.stringify(configOf(everySecret));
    const hidden = Object.entries(everySecret).filter(([name]) => isSecret(name));
    expect(hidden.length).toBeGreaterThan(12);
    for (const [name, value] of hidden) expect(printed, name).not.toContain(value);
    for (const part of ['pa55', '0t3l', '0t3lquery', '01dc5ecret']) expect(printed).not.toContain(part);
  });

  it('is frozen in every part', () => {
    const loose: string[] = [];
    const walk = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) loose.push(path);
      if (!(value instanceof Secret))
        for (const [name, member] of Object.entries(value)) walk(member, `${path}.${name}`);
    };
    for (const env of [{}, everySecret]) walk(configOf(env), 'config');
    expect(loose).toEqual([]);
  });

  it('depends on the bindings alone and does not change them', () => {
    const env = Object.freeze({ ...everySecret });
    expect(configOf(env)).toEqual(configOf({ ...everySecret }));
  });
});

const isSecret = (name: string): boolean =>
  Object.entries(variables).some(([each, { secret }]) => each === name && secret);

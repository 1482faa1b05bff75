import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { localSecrets, secretHint, weaknessOf } from './weak-secrets.ts';

export type SessionConfig = {
  /** Every other key is derived from it, one label each (HKDF). */
  readonly secretKey: Secret;
  readonly previousSecretKeys: readonly Secret[];
  readonly refreshTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
  readonly reuseGraceSeconds: number;
  readonly maxPerAccount: number;
};

const daySeconds = 86_400;
const defaultAbsoluteDays = 30;

const keyProblem = (key: Secret, jwtSecret: Secret | undefined): string | undefined =>
  weaknessOf(key) ?? (key.reveal() === jwtSecret?.reveal() ? 'must differ from JWT_SECRET' : undefined);

const readKeys = (settings: Settings, { strict, problem }: Scope): readonly [Secret, readonly Secret[]] => {
  const { SECRET_KEY: key, SECRET_KEY_PREVIOUS: previous, JWT_SECRET: jwtSecret } = settings;
  if (!strict) return [key ?? new Secret(localSecrets.sessions), previous];

  if (!key) problem('SECRET_KEY', `is required: ${secretHint}`);
  const weakness = key && keyProblem(key, jwtSecret);
  if (weakness) problem('SECRET_KEY', `${weakness}: ${secretHint}`);
  for (const [index, each] of previous.entries()) {
    const detail = keyProblem(each, jwtSecret);
    if (detail) problem('SECRET_KEY_PREVIOUS', `entry ${index + 1} ${detail}`);
  }
  return [key ?? new Secret(''), previous];
};

export const readSession = (settings: Settings, scope: Scope): SessionConfig => {
  const { JWT_REFRESH_TTL_DAYS: refreshDays, SESSION_ABSOLUTE_DAYS: givenDays } = settings;
  const absoluteDays = givenDays ?? Math.max(defaultAbsoluteDays, refreshDays);
  if (absoluteDays < refreshDays)
    scope.problem('SESSION_ABSOLUTE_DAYS', 'must not be less than JWT_REFRESH_TTL_DAYS');

  const [secretKey, previousSecretKeys] = readKeys(settings, scope);
  return {
    secretKey,
    previousSecretKeys,
    refreshTtlSeconds: refreshDays * daySeconds,
    absoluteTtlSeconds: absoluteDays * daySeconds,
    reuseGraceSeconds: settings.REFRESH_REUSE_GRACE_SECONDS,
    maxPerAccount: settings.SESSION_MAX_PER_ACCOUNT,
  };
};

import { basePathOf } from '../rules/base-path.ts';
import { refuseWeakEntries, type Scope } from './resolve.ts';
import { type Secret, secretHint, weaknessOf } from './secret.ts';

const daySeconds = 86_400;

const checkKeys = (scope: Scope): void => {
  const { settings, strict, given, problem } = scope;
  const { SECRET_KEY: key, SECRET_KEY_PREVIOUS: previous = [], JWT_SECRET: jwtSecret } = settings;
  const problemOf = (each: Secret): string | undefined =>
    weaknessOf(each) ?? (each.reveal() === jwtSecret.reveal() ? 'must differ from JWT_SECRET' : undefined);

  const detail = given.has('SECRET_KEY') ? problemOf(key) : 'is required';
  if (strict && detail) problem('SECRET_KEY', `${detail}: ${secretHint}`);
  refuseWeakEntries(scope, 'SECRET_KEY_PREVIOUS', previous, problemOf);
};

export const readSession = (scope: Scope) => {
  const { settings, given, problem } = scope;
  const { JWT_REFRESH_TTL_DAYS: refreshDays, SESSION_ABSOLUTE_DAYS: days } = settings;
  const absoluteDays = given.has('SESSION_ABSOLUTE_DAYS') ? days : Math.max(days, refreshDays);
  if (absoluteDays < refreshDays)
    problem('SESSION_ABSOLUTE_DAYS', 'must not be less than JWT_REFRESH_TTL_DAYS');

  checkKeys(scope);
  return {
    /** Every other key is derived from it, one label each (HKDF). */
    secretKey: settings.SECRET_KEY,
    previousSecretKeys: settings.SECRET_KEY_PREVIOUS ?? [],
    refreshTtlSeconds: refreshDays * daySeconds,
    absoluteTtlSeconds: absoluteDays * daySeconds,
    reuseGraceSeconds: settings.REFRESH_REUSE_GRACE_SECONDS,
    /** Without a grace, late answers are off too, unless the variable is set. */
    lateMax:
      settings.REFRESH_REUSE_GRACE_SECONDS === 0 && !given.has('REFRESH_LATE_MAX')
        ? 0
        : settings.REFRESH_LATE_MAX,
    maxPerAccount: settings.SESSION_MAX_PER_ACCOUNT,
    cacheSeconds: settings.SESSION_CACHE_SECONDS,
  } as const;
};

export const readCookies = ({ settings, strict, problem }: Scope) => {
  const {
    SESSION_COOKIE_NAME: name,
    SESSION_COOKIE_SECURE: secure,
    SESSION_COOKIE_SAMESITE: sameSite,
  } = settings;
  // Browsers compare the prefixes without regard to case (RFC 6265bis section 5.4).
  const prefix = /^__(host|secure)-/i.exec(name)?.[1]?.toLowerCase();
  const basePath = basePathOf(settings.API_URL ?? null);
  const bareName = name.replace(/^__(?:host|secure)-/i, '');

  if (strict && !secure) problem('SESSION_COOKIE_SECURE', 'must be true');
  if (sameSite === 'none' && !secure)
    problem('SESSION_COOKIE_SAMESITE', 'none needs SESSION_COOKIE_SECURE=true');
  if (prefix && !secure) {
    problem('SESSION_COOKIE_NAME', 'with a __Host- or __Secure- prefix needs SESSION_COOKIE_SECURE=true');
  }
  return {
    sessionName: name,
    refreshName: `${name}_refresh`,
    // Browsers drop a __Host- cookie unless its path is the root.
    refreshPath: prefix === 'host' ? '/' : `${basePath}/auth`,
    /** Tells the pages that the browser has a refresh cookie, which it does not send to them. It holds no secret. */
    renewName: `${name}_renew`,
    renewPath: prefix === 'host' ? '/' : `${basePath}/account`,
    /**
     * Binds a login by a provider to the browser that began it, and to this host where Secure allows it: another
     * subdomain could plant an attempt of its own (login CSRF). Each attempt adds a text of its own to the name.
     */
    attemptName: secure ? `__Host-${bareName}_oauth` : `${name}_oauth`,
    attemptPath: secure ? '/' : `${basePath}/auth/oauth`,
    /** Binds a sign-up in the same way: another subdomain could plant one with a password that it knows. */
    signUpName: secure ? `__Host-${bareName}_signup` : `${name}_signup`,
    secure,
    sameSite,
  } as const;
};

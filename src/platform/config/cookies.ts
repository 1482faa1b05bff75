import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';

export type CookiesConfig = {
  readonly sessionName: string;
  readonly refreshName: string;
  readonly refreshPath: '/auth' | '/';
  /** Keeps an attempt to log in by a provider. */
  readonly attemptName: string;
  readonly attemptPath: '/auth/oauth' | '/';
  /** Keeps what a sign-up has chosen. */
  readonly signUpName: string;
  readonly secure: boolean;
  readonly sameSite: 'lax' | 'strict' | 'none';
};

export const readCookies = (settings: Settings, { strict, problem }: Scope): CookiesConfig => {
  const {
    SESSION_COOKIE_NAME: name,
    SESSION_COOKIE_SECURE: secure,
    SESSION_COOKIE_SAMESITE: sameSite,
  } = settings;
  // Browsers compare the prefixes without regard to case (RFC 6265bis section 5.4).
  const prefix = /^__(host|secure)-/i.exec(name)?.[1]?.toLowerCase();
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
    // A __Host- cookie is dropped by browsers unless its path is the root.
    refreshPath: prefix === 'host' ? '/' : '/auth',
    // Bound to this host where Secure allows that: another subdomain could plant an attempt of its own (login CSRF).
    attemptName: secure ? `__Host-${bareName}_oauth` : `${name}_oauth`,
    attemptPath: secure ? '/' : '/auth/oauth',
    // The same for a sign-up: a stranger's would set a stranger's password.
    signUpName: secure ? `__Host-${bareName}_signup` : `${name}_signup`,
    secure,
    sameSite,
  };
};

import type { Settings } from './settings.ts';

export type LimitsConfig = {
  readonly rate: { readonly max: number; readonly windowMs: number };
  readonly login: { readonly maxAttempts: number; readonly windowMs: number; readonly lockMs: number };
  readonly requestTimeoutMs: number;
};

export const readLimits = (settings: Settings): LimitsConfig => ({
  rate: { max: settings.RATE_LIMIT_MAX, windowMs: settings.RATE_LIMIT_WINDOW_MS },
  login: {
    maxAttempts: settings.LOGIN_BRUTE_MAX_ATTEMPTS,
    windowMs: settings.LOGIN_BRUTE_WINDOW_MS,
    lockMs: settings.LOGIN_BRUTE_LOCK_MS,
  },
  requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
});

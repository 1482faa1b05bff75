export type Level = 'ok' | 'warning' | 'failure' | 'skipped';

/** What one check came to, for a person. */
export type Finding = { readonly level: Level; readonly check: string; readonly detail: string };

export const ok = (check: string, detail: string): Finding => ({ level: 'ok', check, detail });
export const warning = (check: string, detail: string): Finding => ({ level: 'warning', check, detail });
export const failure = (check: string, detail: string): Finding => ({ level: 'failure', check, detail });
export const skipped = (check: string, detail: string): Finding => ({ level: 'skipped', check, detail });

/** `ok` if it holds, else `failure`, each with its own words. */
export const verdict = (check: string, holds: boolean, good: string, bad: string): Finding =>
  holds ? ok(check, good) : failure(check, bad);

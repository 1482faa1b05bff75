import type { SessionConfig } from './session.ts';
import type { Settings } from './settings.ts';

/** How long rows are kept after they were written, in days; null: for good. */
export type Retention = {
  readonly auditDays: number | null;
  /** The longest that a session can last. */
  readonly sessionDays: number;
};

export const readRetention = (settings: Settings, { absoluteTtlSeconds }: SessionConfig): Retention => ({
  auditDays: settings.AUDIT_RETENTION_DAYS === 0 ? null : settings.AUDIT_RETENTION_DAYS,
  sessionDays: absoluteTtlSeconds / 86_400,
});

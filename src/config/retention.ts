import type { Retention } from '../domain/retention.ts';
import type { SessionConfig } from './session.ts';
import type { Settings } from './settings.ts';

export const readRetention = (settings: Settings, { absoluteTtlSeconds }: SessionConfig): Retention => ({
  auditDays: settings.AUDIT_RETENTION_DAYS === 0 ? null : settings.AUDIT_RETENTION_DAYS,
  sessionDays: absoluteTtlSeconds / 86_400,
});

import type { Account } from './account.ts';
import type { AuditEvent } from './audit-event.ts';
import type { Page } from './page.ts';

export type SessionRecord = {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
};

/** Everything that is kept of somebody. */
export type AccountExport = {
  readonly exportedAt: Date;
  readonly account: Account;
  readonly sessions: readonly SessionRecord[];
  readonly events: Page<AuditEvent>;
};

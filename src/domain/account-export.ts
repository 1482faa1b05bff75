import type { Account } from './account.ts';
import type { AuditEvent } from './audit-event.ts';
import type { Page } from './page.ts';
import type { Upload } from './upload.ts';

export type SessionRecord = {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
};

/** A mail that is to be sent, or was. */
export type MailRecord = {
  readonly recipient: string;
  readonly template: string;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
};

/** A link or a code that was mailed, by the address that it proves. */
export type TokenRecord = {
  readonly purpose: string;
  readonly email: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
};

/** An identity at a provider. */
export type IdentityRecord = {
  readonly issuer: string;
  readonly subject: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
};

/** Everything that is kept of somebody but the bytes of their files, which are handed out elsewhere. */
export type AccountExport = {
  readonly exportedAt: Date;
  readonly account: Account;
  readonly identities: readonly IdentityRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly mails: readonly MailRecord[];
  readonly tokens: readonly TokenRecord[];
  readonly uploads: readonly Upload[];
  readonly events: Page<AuditEvent>;
};

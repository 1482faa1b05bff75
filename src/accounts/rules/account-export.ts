import type { AuditEvent } from '../../audit/rules.ts';
import type { Upload } from '../../uploads/rules/upload.ts';
import type { Account } from './account.ts';

export type SessionRecord = {
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
};

/** A device that the account knows, by browser family and system; `toldAt` is when a mail told of it. */
export type DeviceRecord = {
  readonly device: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly toldAt: Date | null;
};

/** A mail that was sent, or waits to be sent. */
export type MailRecord = {
  readonly recipient: string;
  readonly template: string;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
};

/** A link or a code that was mailed, with the address that it proves. */
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
  /** The address that the provider named, and whether it vouched for it. */
  readonly email: string | null;
  readonly vouched: boolean;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
};

/**
 * A page of everything that is kept about a person but the bytes of their files, which they download one by one. The
 * lists together are one, newest first by the ids of their rows; a page has its part of each.
 */
export type AccountExport = {
  readonly exportedAt: Date;
  readonly account: Account;
  readonly identities: readonly IdentityRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly devices: readonly DeviceRecord[];
  readonly mails: readonly MailRecord[];
  readonly tokens: readonly TokenRecord[];
  readonly uploads: readonly Upload[];
  readonly events: readonly AuditEvent[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
};

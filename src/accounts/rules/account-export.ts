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

/** One row of what is kept of somebody, and the list that it belongs to. */
export type OwnRecord = { readonly id: string } & (
  | { readonly list: 'identities'; readonly record: IdentityRecord }
  | { readonly list: 'sessions'; readonly record: SessionRecord }
  | { readonly list: 'mails'; readonly record: MailRecord }
  | { readonly list: 'tokens'; readonly record: TokenRecord }
  | { readonly list: 'uploads'; readonly record: Upload }
  | { readonly list: 'events'; readonly record: AuditEvent }
);

/**
 * A page of everything that is kept of somebody but the bytes of their files, which are handed out elsewhere. The lists
 * together are one, newest first by the ids of their rows; a page has its part of each.
 */
export type AccountExport = {
  readonly exportedAt: Date;
  readonly account: Account;
  readonly identities: readonly IdentityRecord[];
  readonly sessions: readonly SessionRecord[];
  readonly mails: readonly MailRecord[];
  readonly tokens: readonly TokenRecord[];
  readonly uploads: readonly Upload[];
  readonly events: readonly AuditEvent[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
};

import type { MailMessage } from '../../platform/rules/mail.ts';

type Token = { readonly token_id: string };
type NoDetails = Record<string, never>;
type Device = { readonly ip: string | null; readonly user_agent: string | null };

/** The details of each e-mail that Itsor sends, by its template: ids and facts, never a secret. */
type MailDetails = {
  /** Without a device where an administrator has created the account. */
  readonly verify_email: Token &
    Partial<Device> & {
      /** Whether the browser keeps the user name and password until the address is proved (ADR 10). */
      readonly completes_sign_up?: boolean;
    };
  readonly codes_locked: Device;
  readonly account_exists: NoDetails;
  readonly invitation: Token;
  /** `is_former`: for a former address that could still undo its change. */
  readonly account_deleted: { readonly is_former?: true };
  /** Without a device in rows of the previous version. */
  readonly reset_password: Token & Partial<Device>;
  readonly password_changed: Device;
  readonly verify_new_email: Token;
  /** Without the new address where the old one was not proved. */
  readonly email_change_requested: Device & { readonly new_email?: string };
  /**
   * Without a token where the address was not proved, or an earlier change can still be undone. Without the new address
   * where the old one was not proved.
   */
  readonly email_changed: Partial<Token> & { readonly new_email?: string };
  readonly email_restored: NoDetails;
  readonly address_reserved: { readonly kept_until: string };
  readonly identity_linked: Device & { readonly provider: string };
  readonly new_sign_in: Device;
};

export type MailTemplate = keyof MailDetails;

/** A template and its details: for one template, or by default for any. */
export type MailContent<T extends MailTemplate = MailTemplate> = {
  [Each in T]: { readonly template: Each; readonly details: MailDetails[Each] };
}[T];

/** A row of the outbox. */
export type OutboxMail = MailContent & {
  readonly id: string;
  readonly recipient: string;
  /** Whether an account had proved the address when the mail was written. */
  readonly toProvedAddress: boolean;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
  /** The number of attempts so far, including the current one. */
  readonly attempts: number;
  /** The outcome of the previous attempt; null where there was none, or it ended without an outcome. */
  readonly lastError: string | null;
};

/** A mail whose attempt has begun. */
export type ClaimedMail = OutboxMail & {
  /** Whether a reset was requested from a network where the account has had sessions. */
  readonly isFromFamiliarNetwork: boolean;
};

/** An e-mail that was sent. */
export type SentMail = MailMessage & { readonly sentAt: Date };

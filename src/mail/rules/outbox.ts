import type { MailMessage } from '../../platform/rules/mail.ts';

/** Every e-mail that Itsor sends, with what its text needs; ids and facts, never a secret. */
export type MailContent =
  | {
      readonly template: 'verify_email';
      /** Without a device where an administrator has made the account. */
      readonly details: {
        readonly token_id: string;
        readonly ip?: string | null;
        readonly user_agent?: string | null;
        /** Whether what the sign-up chose waits in its browser until the address is proved (ADR 10). */
        readonly completes_sign_up?: boolean;
      };
    }
  | {
      readonly template: 'codes_locked';
      readonly details: { readonly ip: string | null; readonly user_agent: string | null };
    }
  | { readonly template: 'account_exists'; readonly details: Record<string, never> }
  | { readonly template: 'invitation'; readonly details: { readonly token_id: string } }
  | {
      readonly template: 'account_deleted';
      /** `is_former`: for an address that the account had left and could have come back to. */
      readonly details: { readonly is_former?: true };
    }
  | {
      readonly template: 'reset_password';
      /** Without a device where the version before has written it. */
      readonly details: {
        readonly token_id: string;
        readonly ip?: string | null;
        readonly user_agent?: string | null;
      };
    }
  | {
      readonly template: 'password_changed';
      readonly details: { readonly ip: string | null; readonly user_agent: string | null };
    }
  | { readonly template: 'verify_new_email'; readonly details: { readonly token_id: string } }
  | {
      readonly template: 'email_change_requested';
      readonly details: {
        readonly new_email: string;
        readonly ip: string | null;
        readonly user_agent: string | null;
      };
    }
  | {
      readonly template: 'email_changed';
      /** Without a token where the address was not proved, or comes after one that can still be undone to. */
      readonly details: { readonly token_id?: string; readonly new_email: string };
    }
  | { readonly template: 'email_restored'; readonly details: Record<string, never> }
  | { readonly template: 'address_reserved'; readonly details: { readonly kept_until: string } }
  | {
      readonly template: 'identity_linked';
      readonly details: {
        readonly provider: string;
        readonly ip: string | null;
        readonly user_agent: string | null;
      };
    }
  | {
      readonly template: 'new_sign_in';
      readonly details: { readonly ip: string | null; readonly user_agent: string | null };
    };

export type MailTemplate = MailContent['template'];

/** An e-mail that is to be sent, or was. */
export type OutboxMail = MailContent & {
  readonly id: string;
  readonly recipient: string;
  /** Whether an account had proved that address when the mail was written. */
  readonly toProvedAddress: boolean;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
  /** How often a delivery has begun, the present one included. */
  readonly attempts: number;
  /** What came of the attempt before; null where there was none, or it was never heard of again. */
  readonly lastError: string | null;
};

/** A mail whose delivery has begun. */
export type ClaimedMail = OutboxMail & {
  /** Whether a reset was asked for from a network that the account has had sessions from. */
  readonly isFromFamiliarNetwork: boolean;
};

/** An e-mail as it went out. */
export type SentMail = MailMessage & { readonly sentAt: Date };

/** The port behind which deliveries wait; loses nothing that matters, as the outbox itself is in the database. */
export type MailQueue = { readonly enqueue: (outboxIds: readonly string[]) => Promise<void> };

import type { MailTemplate } from './outbox.ts';
import type { RatePolicy } from './sliding-window.ts';

/** How many mails one mailbox gets, whoever causes them. */
export type MailBudget = { readonly hourlyMax: number; readonly dailyMax: number };

/**
 * Tenths of the budget. Each share is used up by its own kinds alone: whatever a stranger or a thief can cause must not
 * keep the other mails from the owner. Their sum is ten, so the shares together are the budget.
 */
const shares = {
  /** A stranger can cause these for any address. */
  proofs: 3,
  /** A stranger can cause these for any account; they are also the owner's way back in. */
  resets: 2,
  /** The password, or an identity of the account, is needed. */
  sign_ins: 2,
  changes: 2,
  /** The link that undoes a takeover. A thief can cause one of them, and nobody else any. */
  undo: 1,
} as const;

const shareOf: Readonly<Record<MailTemplate, keyof typeof shares>> = {
  verify_email: 'proofs',
  verify_new_email: 'proofs',
  account_exists: 'proofs',
  invitation: 'proofs',
  address_reserved: 'proofs',
  codes_locked: 'changes',
  reset_password: 'resets',
  new_sign_in: 'sign_ins',
  password_changed: 'changes',
  email_change_requested: 'changes',
  identity_linked: 'changes',
  account_deleted: 'changes',
  email_restored: 'changes',
  email_changed: 'undo',
};

const hourMs = 3_600_000;

/** What the limiter counts a mail of that kind by: the shorter window first, so that what it refuses costs the day nothing. */
export const mailPolicies = (
  { hourlyMax, dailyMax }: MailBudget,
  template: MailTemplate,
): readonly RatePolicy[] => {
  const share = shareOf[template];
  const part = (max: number) => Math.max(1, Math.floor((max * shares[share]) / 10));
  return [
    { name: `mail_hour_${share}`, max: part(hourlyMax), windowMs: hourMs },
    { name: `mail_day_${share}`, max: part(dailyMax), windowMs: 24 * hourMs },
  ];
};

const gmail: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

/**
 * The mailbox that an address leads to, as far as that can be known: without `+tag` (RFC 5233), and for Gmail without
 * dots. It names a budget and nothing else; two addresses stay two accounts.
 */
export const mailboxOf = (address: string): string => {
  const at = address.lastIndexOf('@');
  const [name, domain] = [address.slice(0, at).toLowerCase(), address.slice(at + 1).toLowerCase()];
  const base = name.replace(/(?<=.)\+.*$/s, '');
  return gmail.has(domain) ? `${base.replaceAll('.', '')}@gmail.com` : `${base}@${domain}`;
};

/** Why a mail is not sent, and why one is tried again that has not been counted. */
export const heldBack = 'held_back';
export const budgetUnavailable = 'budget_unavailable';

/**
 * Whether an attempt is the first one that counts. A mail that a provider has put off was counted then; one whose
 * attempt broke off without a word counts again, as nobody knows how far it came.
 */
export const isUncounted = (lastError: string | null): boolean =>
  lastError === null || lastError === budgetUnavailable;

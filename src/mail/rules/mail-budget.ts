import type { RatePolicy } from '../../platform/rules/sliding-window.ts';
import type { ClaimedMail, MailTemplate, OutboxMail } from './outbox.ts';

/** How many mails one mailbox gets, whoever causes them. */
export type MailBudget = { readonly hourlyMax: number; readonly dailyMax: number };

/**
 * Tenths of the budget. Each share is used up by its own kinds alone: whatever a stranger or a thief can cause must not
 * keep the other mails from the owner. Their sum is ten, so the shares together are the budget.
 */
const shares = {
  /** A stranger can cause these for any address. Each of them serves the owner as well as one of their own. */
  proofs: 2,
  /** A stranger can cause these for any address too, and they serve only the stranger. */
  offers: 1,
  /** A stranger can cause these for any account. */
  resets: 2,
  /** The owner's way back in: asking takes a network that the account has had sessions from. */
  familiar_resets: 1,
  /** The password, or an identity of the account, is needed. */
  sign_ins: 1,
  changes: 2,
  /** The link that undoes a takeover. A thief can cause one of them, and nobody else any. */
  undo: 1,
} as const;

const shareOf: Readonly<Record<MailTemplate, keyof typeof shares>> = {
  verify_email: 'proofs',
  verify_new_email: 'offers',
  account_exists: 'offers',
  address_reserved: 'offers',
  // Only an administrator can cause it.
  invitation: 'changes',
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

/** What the limiter counts a mail by: the shorter window first, so that what it refuses costs the day nothing. */
export const mailPolicies = (
  { hourlyMax, dailyMax }: MailBudget,
  { template, isFromFamiliarNetwork }: Pick<ClaimedMail, 'template' | 'isFromFamiliarNetwork'>,
): readonly RatePolicy[] => {
  const share =
    template === 'reset_password' && isFromFamiliarNetwork ? 'familiar_resets' : shareOf[template];
  const part = (max: number) => Math.max(1, Math.floor((max * shares[share]) / 10));
  return [
    { name: `mail_hour_${share}`, max: part(hourlyMax), windowMs: hourMs },
    { name: `mail_day_${share}`, max: part(dailyMax), windowMs: 24 * hourMs },
  ];
};

const gmail: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

const partsOf = (address: string) => {
  const at = address.lastIndexOf('@');
  const [name, domain] = [address.slice(0, at).toLowerCase(), address.slice(at + 1).toLowerCase()];
  return { name, domain, untagged: name.replace(/(?<=.)\+.*$/s, '') };
};

/** The mailbox that an address leads to, as far as that can be known: without `+tag` (RFC 5233), and for Gmail without dots. */
export const mailboxOf = (address: string): string => {
  const { untagged, domain } = partsOf(address);
  return gmail.has(domain) ? `${untagged.replaceAll('.', '')}@gmail.com` : `${untagged}@${domain}`;
};

/**
 * Whose budget a mail takes from. Anybody can invent spellings of a mailbox, so all of them share one budget, but they
 * must not use up what the owner's own spelling has: an address that was proved counts for itself, and tagged addresses
 * count apart from those without a tag. It names a budget and nothing else; two addresses stay two accounts.
 */
export const budgetOwnerOf = ({
  recipient,
  toProvedAddress,
}: Pick<OutboxMail, 'recipient' | 'toProvedAddress'>): string => {
  if (toProvedAddress) return `address ${recipient.toLowerCase()}`;
  const { name, untagged } = partsOf(recipient);
  return `${name === untagged ? 'mailbox' : 'tags of'} ${mailboxOf(recipient)}`;
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

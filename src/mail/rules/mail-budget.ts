import type { RatePolicy } from '../../platform/rules/sliding-window.ts';
import type { ClaimedMail, MailTemplate, OutboxMail } from './outbox.ts';

/** The most mails that one mailbox gets, whatever causes them. */
export type MailBudget = { readonly hourlyMax: number; readonly dailyMax: number };

/**
 * Tenths of the budget. Only mails of its own kinds use up a share: mails that a stranger or a thief can cause must not
 * keep other mails from the owner. The sum is ten, so the shares together are the budget.
 */
const shares = {
  /** A stranger can cause these for any address. To the owner they are as useful as their own. */
  proofs: 2,
  /** A stranger can cause these for any address too, and they are of no use to the owner. */
  offers: 1,
  /** A stranger can cause these for any account. */
  resets: 2,
  /** The owner's way back: only a network where the account has had sessions can cause these. */
  familiar_resets: 1,
  /** These need the password, or an identity of the account. */
  sign_ins: 1,
  changes: 2,
  /** The link that undoes a takeover. A thief can cause only one of these. */
  undo: 1,
} as const;

const shareOf: Readonly<Record<MailTemplate, keyof typeof shares>> = {
  verify_email: 'proofs',
  verify_new_email: 'offers',
  account_exists: 'offers',
  address_reserved: 'offers',
  // Only an administrator can cause this.
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

/** The policies that count a mail: the shorter window first, so that a refused mail does not count for the day. */
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

/** The mailbox of an address, as far as it can be known: without `+tag` (RFC 5233), and for Gmail without dots. */
export const mailboxOf = (address: string): string => {
  const { untagged, domain } = partsOf(address);
  return gmail.has(domain) ? `${untagged.replaceAll('.', '')}@gmail.com` : `${untagged}@${domain}`;
};

/**
 * The owner of the budget of a mail. Anybody can invent spellings of a mailbox, so all spellings share one budget. They
 * must not use up the budget of the owner's own spelling, so a proved address has its own budget, and tagged addresses
 * have a budget apart from those without a tag. Two addresses are still two accounts.
 */
export const budgetOwnerOf = ({
  recipient,
  toProvedAddress,
}: Pick<OutboxMail, 'recipient' | 'toProvedAddress'>): string => {
  if (toProvedAddress) return `address ${recipient.toLowerCase()}`;
  const { name, untagged } = partsOf(recipient);
  return `${name === untagged ? 'mailbox' : 'tags of'} ${mailboxOf(recipient)}`;
};

/** The reasons of a mail that is not sent, and of one that is retried without having been counted. */
export const heldBack = 'held_back';
export const budgetUnavailable = 'budget_unavailable';

/**
 * Whether an attempt counts. A mail that the provider put off has been counted already. An attempt without an outcome
 * counts again, because it may have ended before it was counted.
 */
export const isUncounted = (lastError: string | null): boolean =>
  lastError === null || lastError === budgetUnavailable;

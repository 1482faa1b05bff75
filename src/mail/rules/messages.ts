import { codePolicy, tokenTtlSeconds } from '../../emails/rules.ts';
import { describeDevice } from '../../sessions/rules/device.ts';
import {
  type Block,
  type Fact,
  type Message,
  type RenderedMessage,
  renderHtml,
  renderText,
} from './message.ts';
import type { MailContent, MailTemplate } from './outbox.ts';

/** Links below APP_URL, never below the Host of a request, which its sender chooses (OWASP WSTG-INPV-17). */
export const createLinks = (appUrl: string) => ({
  verifyEmail: (token: string) => `${appUrl}/verify-email?token=${token}`,
  resetPassword: (token: string) => `${appUrl}/reset-password?token=${token}`,
  restoreEmail: (token: string) => `${appUrl}/restore-email?token=${token}`,
  account: () => `${appUrl}/account`,
});

/** The parts of a message beside its details. */
export type MessageFacts = {
  /** The time of the event; the lifetimes of links and codes begin here. */
  readonly happenedAt: Date;
  /** The only link, below APP_URL. */
  readonly link: string;
  /** Six digits; null where the message has no code, or its code has expired. */
  readonly code: string | null;
};

type Messages = {
  readonly [T in MailTemplate]: (
    facts: MessageFacts & { readonly site: string },
    details: MailContent<T>['details'],
  ) => Message;
};

const instant = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
const when = (date: Date): string => `${instant.format(date)} UTC`;
const until = (from: Date, ttlSeconds: number): string => when(new Date(from.getTime() + ttlSeconds * 1000));

const action = (label: string, url: string): Block => ({ kind: 'action', label, url });
const openAccount = (link: string): Block => action('Open the account page', link);
const ifItWasYou = 'If it was you, you need not do anything.';
const facts = (...rows: Fact[]): Block => ({ kind: 'facts', rows });

const deviceFacts = (
  happenedAt: Date,
  { ip, user_agent }: { ip: string | null; user_agent: string | null },
): Block =>
  facts(['When', when(happenedAt)], ['Device', describeDevice(user_agent)], ['IP address', ip ?? 'unknown']);

const newAddress = (address: string | undefined): readonly Block[] =>
  address === undefined ? [] : [facts(['New address', address])];

const messages: Messages = {
  verify_email: ({ site, link, code, happenedAt }, { ip, user_agent, completes_sign_up }) => ({
    subject: `Confirm your e-mail address for ${site}`,
    blocks: [
      `Someone used this e-mail address for an account at ${site}. Please confirm that it is yours.`,
      ...(user_agent === undefined ? [] : [deviceFacts(happenedAt, { ip: ip ?? null, user_agent })]),
      action('Confirm e-mail address', link),
      `The link works once and for 24 hours, until ${until(happenedAt, tokenTtlSeconds.verify_email)}.`,
      ...(completes_sign_up
        ? [
            'Open it in the browser in which you signed up. In any other browser you will be asked to choose your password again.',
          ]
        : []),
      ...(code === null
        ? [
            'This message took so long that its code no longer works. Open the link, or ask for a new message where you are asked for the code.',
          ]
        : [
            'Or type this code where you are asked for it:',
            { kind: 'code', code } as const,
            `The code works for 10 minutes, until ${until(happenedAt, codePolicy.ttlSeconds)}. Do not share it with anyone: we never ask for it.`,
          ]),
      'If it was not you, do not open the link. The address then stays unconfirmed.',
    ],
  }),

  codes_locked: ({ site, link, happenedAt }, details) => ({
    subject: `Wrong codes for your e-mail address at ${site}`,
    blocks: [
      `Too many wrong codes were entered for this e-mail address at ${site}. For the next 24 hours we accept no codes for it. The link in our message about the address still works.`,
      deviceFacts(happenedAt, details),
      'If you want to confirm the address, open that link. If it has expired, ask for a new message on the account page.',
      'If it was not you who entered the codes, someone is trying to guess the one that we sent you. Do not share it with anyone.',
      openAccount(link),
    ],
  }),

  account_exists: ({ site, link }) => ({
    subject: `You already have an account at ${site}`,
    blocks: [
      `Someone tried to use this e-mail address for another account at ${site}.`,
      'You already have an account, so nothing was changed. Open the account page to log in, or to choose a new password if you have forgotten yours.',
      openAccount(link),
      'If it was not you, you need not do anything. We have not told anyone else that you have an account.',
    ],
  }),

  invitation: ({ site, link, happenedAt }) => ({
    subject: `Your new account at ${site}`,
    blocks: [
      `An administrator of ${site} has created an account for this e-mail address. To use it, choose a password.`,
      action('Choose a password', link),
      `The link works once and for 7 days, until ${until(happenedAt, tokenTtlSeconds.invitation)}. If it has expired, open the account page and choose “Forgot your password?” to get a new one.`,
      'If you do not know what this is about, you need not do anything.',
    ],
  }),

  account_deleted: ({ site, link, happenedAt }, { is_former }) => ({
    subject: `Your account at ${site} was deleted`,
    blocks: [
      is_former
        ? `The account at ${site} that had this e-mail address until a few days ago was deleted, together with its data. The change of address can no longer be undone.`
        : `Your account at ${site} with this e-mail address was deleted, together with your data.`,
      facts(['When', when(happenedAt)]),
      'A deletion cannot be undone. If it was neither you nor the people who run the service, please tell them.',
      openAccount(link),
    ],
  }),

  reset_password: ({ site, link, happenedAt }, { ip, user_agent }) => ({
    subject: `Choose a new password for ${site}`,
    blocks: [
      `Someone asked for a new password for your account at ${site}. To choose one, open this link.`,
      ...(user_agent === undefined ? [] : [deviceFacts(happenedAt, { ip: ip ?? null, user_agent })]),
      action('Choose a new password', link),
      `The link works once and for 30 minutes, until ${until(happenedAt, tokenTtlSeconds.reset_password)}. With the new password, every device is logged out.`,
      'If it was not you, you need not do anything: nothing changes unless someone uses the link.',
    ],
  }),

  password_changed: ({ site, link, happenedAt }, details) => ({
    subject: `Your password for ${site} was changed`,
    blocks: [
      `A new password was set for your account at ${site}. All other devices were logged out.`,
      deviceFacts(happenedAt, details),
      ifItWasYou,
      'If it was not you, open the account page, choose “Forgot your password?” and set a new password. That logs out the person who changed it.',
      openAccount(link),
    ],
  }),

  verify_new_email: ({ site, link, happenedAt }) => ({
    subject: `Confirm your new e-mail address for ${site}`,
    blocks: [
      `Someone asked to move an account at ${site} to this e-mail address. Please confirm that the address is yours.`,
      action('Confirm e-mail address', link),
      `The link works once and for 24 hours, until ${until(happenedAt, tokenTtlSeconds.change_email)}. The account keeps its old address until you confirm this one.`,
      'Once you confirm, the account uses this address. If its old address was confirmed, anyone who reads mail there can undo the change for 7 days.',
      'If an account with this address exists that nobody has confirmed, your confirmation deletes it. The link then works only in a browser that is logged in to the account that asked for this address.',
      'If it was not you, you need not do anything: without your confirmation nothing changes.',
    ],
  }),

  email_change_requested: ({ site, link, happenedAt }, { new_email, ...device }) => ({
    subject: `Someone asked to change your e-mail address for ${site}`,
    blocks: [
      `Someone who knows your password asked for another e-mail address for your account at ${site}. Nothing changes until that address is confirmed.`,
      ...newAddress(new_email),
      deviceFacts(happenedAt, device),
      'If it was you, you need not do anything here.',
      'If it was not you, open your account page and change your password. That ends the request, and logs out every other device.',
      openAccount(link),
    ],
  }),

  email_changed: ({ site, link, happenedAt }, { token_id, new_email }) => ({
    subject: `Your e-mail address for ${site} was changed`,
    blocks: [
      `The e-mail address of your account at ${site} was changed. The account no longer uses this address.`,
      facts(['When', when(happenedAt)]),
      ...newAddress(new_email),
      ifItWasYou,
      ...(token_id === undefined
        ? ['If it was not you, tell the people who run the service.', openAccount(link)]
        : [
            'If it was not you, undo the change. Your account then has this address again, every device is logged out, and the password stops working. You have 30 minutes to choose a new one; after that, use “Forgot your password?”.',
            action('Undo the change', link),
            `The link works for at most 7 days, until ${until(happenedAt, tokenTtlSeconds.restore_email)}. While it works, nobody else can use this address for an account.`,
          ]),
    ],
  }),

  email_restored: ({ site, link, happenedAt }) => ({
    subject: `Your account at ${site} no longer uses this e-mail address`,
    blocks: [
      `Your account at ${site} has its old e-mail address again: someone with access to that address undid the change. Every device is logged out, and the password no longer works.`,
      facts(['When', when(happenedAt)]),
      'If it was not you, and the account is yours, please tell the people who run the service. You can now use this address for a new account.',
      openAccount(link),
    ],
  }),

  address_reserved: ({ site, link }, { kept_until }) => ({
    subject: `This e-mail address cannot be used at ${site} yet`,
    blocks: [
      `Someone tried to use this e-mail address for an account at ${site}. Nothing was changed.`,
      `An account had this address until a few days ago. Its owner can undo the change of address until ${when(new Date(kept_until))}; until then no other account can use the address.`,
      `If that account was yours and it was not you who changed its address, open the link in our message “Your e-mail address for ${site} was changed”: it gives the account back to you.`,
      'If it was not you who tried to use the address, you need not do anything.',
      openAccount(link),
    ],
  }),

  identity_linked: ({ site, link, happenedAt }, { provider, ...device }) => ({
    subject: `Your account at ${site} has a new way to log in`,
    blocks: [
      `Someone logged in to your account at ${site} with a provider that confirmed this e-mail address. From now on, anyone who can log in there can log in to your account.`,
      facts(['Provider', provider]),
      deviceFacts(happenedAt, device),
      ifItWasYou,
      'If it was not you, someone else uses your address at that provider. Open your account page, remove that way to log in, and log out every other device.',
      openAccount(link),
    ],
  }),

  new_sign_in: ({ site, link, happenedAt }, details) => ({
    subject: `New login to your account at ${site}`,
    blocks: [
      `Someone logged in to your account at ${site} from a device or a network that is new to us.`,
      deviceFacts(happenedAt, details),
      ifItWasYou,
      'If it was not you, someone knows your password or uses your account at a provider. Open your account page, log out every other device, set a new password, and remove any way to log in that you do not know.',
      openAccount(link),
    ],
  }),
};

/** An e-mail as it is sent. Only the values of its facts can hold texts of others. */
export const renderMessage = <T extends MailTemplate>(
  { template, details }: MailContent<T>,
  given: MessageFacts,
): RenderedMessage => {
  const message = messages[template]({ ...given, site: new URL(given.link).host }, details);
  return { subject: message.subject, text: renderText(message), html: renderHtml(message) };
};

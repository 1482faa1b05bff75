import { describeDevice } from './device.ts';
import type { Block, Fact, Message, RenderedMessage } from './message.ts';
import { renderHtml } from './message-html.ts';
import { renderText } from './message-text.ts';
import { codePolicy, tokenTtlSeconds } from './one-time-token.ts';
import type { MailContent, MailTemplate } from './outbox.ts';

/** What a message is made of beside its details. */
export type MessageFacts = {
  /** When that happened which the message is about; links and codes live from then on. */
  readonly happenedAt: Date;
  /** The one link, under APP_URL. */
  readonly link: string;
  /** The six digits, where the message has any that are still good. */
  readonly code: string | null;
};

type Details<T extends MailTemplate> = Extract<MailContent, { template: T }>['details'];
type Compose<T extends MailTemplate> = (
  facts: MessageFacts & { site: string },
  details: Details<T>,
) => Message;

const instant = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
const when = (date: Date): string => `${instant.format(date)} UTC`;
const until = (from: Date, ttlSeconds: number): string => when(new Date(from.getTime() + ttlSeconds * 1000));

const paragraph = (text: string): Block => ({ kind: 'paragraph', text });
const action = (label: string, url: string): Block => ({ kind: 'action', label, url });
const facts = (...rows: Fact[]): Block => ({ kind: 'facts', rows });

const deviceFacts = (
  happenedAt: Date,
  { ip, user_agent }: { ip: string | null; user_agent: string | null },
): Block =>
  facts(['When', when(happenedAt)], ['Device', describeDevice(user_agent)], ['IP address', ip ?? 'unknown']);

const messages: { readonly [T in MailTemplate]: Compose<T> } = {
  verify_email: ({ site, link, code, happenedAt }, { ip, user_agent }) => ({
    subject: `Confirm your e-mail address for ${site}`,
    blocks: [
      paragraph(`This e-mail address was given for an account at ${site}. Please confirm that it is yours.`),
      // Whoever reads the mail can tell what it is about.
      ...(user_agent === undefined ? [] : [deviceFacts(happenedAt, { ip: ip ?? null, user_agent })]),
      action('Confirm e-mail address', link),
      paragraph(
        `The link works once and for 24 hours, until ${until(happenedAt, tokenTtlSeconds.verify_email)}.`,
      ),
      ...(user_agent === undefined
        ? []
        : [
            paragraph(
              'Open it in the browser that you signed up in. Anywhere else it asks you to choose a new password.',
            ),
          ]),
      ...(code === null
        ? []
        : [
            paragraph('Or type this code where you are asked for it:'),
            { kind: 'code', code } as const,
            paragraph(
              `The code works for 10 minutes, until ${until(happenedAt, codePolicy.ttlSeconds)}. Tell it to nobody: we never ask for it.`,
            ),
          ]),
      paragraph('If it was not you, leave the link alone: the address then stays unconfirmed.'),
    ],
  }),

  codes_locked: ({ site, link, happenedAt }, details) => ({
    subject: `Wrong codes for your e-mail address at ${site}`,
    blocks: [
      paragraph(
        `Someone typed so many wrong codes for this e-mail address at ${site} that codes are refused for 24 hours. The link in the message that asks you to confirm the address still works.`,
      ),
      deviceFacts(happenedAt, details),
      paragraph(
        'If it was you, open that link. If you have no message with a link that still works, ask for a new one on the account page.',
      ),
      paragraph(
        'If it was not you, someone tries to guess a code that only you were sent. You need not do anything: the address stays unconfirmed. Tell the code to nobody.',
      ),
      action('Open the account page', link),
    ],
  }),

  account_exists: ({ site, link }) => ({
    subject: `You already have an account at ${site}`,
    blocks: [
      paragraph(`Someone tried to create an account at ${site} with this e-mail address.`),
      paragraph(
        'There is one already, so nothing was changed. To log in, or to choose a new password if you have forgotten yours, open your account page.',
      ),
      action('Open the account page', link),
      paragraph(
        'If it was not you, you need not do anything. Whoever it was has not been told that the account exists.',
      ),
    ],
  }),

  invitation: ({ site, link, happenedAt }) => ({
    subject: `Your new account at ${site}`,
    blocks: [
      paragraph(
        `An administrator of ${site} has made an account for this e-mail address. To use it, choose a password.`,
      ),
      action('Choose a password', link),
      paragraph(
        `The link works once and for 7 days, until ${until(happenedAt, tokenTtlSeconds.invitation)}. After that, say on the account page that you have forgotten your password.`,
      ),
      paragraph('If you do not know what this is about, you need not do anything.'),
    ],
  }),

  account_deleted: ({ site, link, happenedAt }) => ({
    subject: `Your account at ${site} was deleted`,
    blocks: [
      paragraph(
        `The account of this e-mail address at ${site} was deleted, with everything that was kept of you.`,
      ),
      facts(['When', when(happenedAt)]),
      paragraph(
        'If it was neither you nor somebody who runs the service, tell them; a deletion cannot be undone.',
      ),
      action('Open the account page', link),
    ],
  }),

  reset_password: ({ site, link, happenedAt }, { ip, user_agent }) => ({
    subject: `Choose a new password for ${site}`,
    blocks: [
      paragraph(
        `Someone asked for a new password for your account at ${site}. To choose one, open this link.`,
      ),
      ...(user_agent === undefined ? [] : [deviceFacts(happenedAt, { ip: ip ?? null, user_agent })]),
      action('Choose a new password', link),
      paragraph(
        `The link works once and for 30 minutes, until ${until(happenedAt, tokenTtlSeconds.reset_password)}. With the new password, every device is logged out.`,
      ),
      paragraph('If it was not you, you need not do anything: your password stays as it is.'),
    ],
  }),

  password_changed: ({ site, link, happenedAt }, details) => ({
    subject: `Your password for ${site} was changed`,
    blocks: [
      paragraph(
        `The password of your account at ${site} was changed, and your other devices were logged out.`,
      ),
      deviceFacts(happenedAt, details),
      paragraph('If it was you, you need not do anything.'),
      paragraph(
        'If it was not you, open your account page, say that you have forgotten your password, and choose a new one. That logs out whoever changed it.',
      ),
      action('Open the account page', link),
    ],
  }),

  verify_new_email: ({ site, link, happenedAt }) => ({
    subject: `Confirm your new e-mail address for ${site}`,
    blocks: [
      paragraph(
        `This e-mail address was given as the new one of an account at ${site}. Please confirm that it is yours.`,
      ),
      action('Confirm e-mail address', link),
      paragraph(
        `The link works once and for 24 hours, until ${until(happenedAt, tokenTtlSeconds.change_email)}. Until you open it, the account keeps its present address.`,
      ),
      paragraph(
        'The address then belongs to that account. For seven days, the address that it has now can undo the change.',
      ),
      paragraph(
        'If you already have an account with this address that you never confirmed, the link deletes it. Then it works only in the browser in which you asked for the change and are still logged in.',
      ),
      paragraph('If it was not you, you need not do anything: without your confirmation nothing changes.'),
    ],
  }),

  email_change_requested: ({ site, link, happenedAt }, { new_email, ...device }) => ({
    subject: `Someone asked to change your e-mail address for ${site}`,
    blocks: [
      paragraph(
        `Someone who knows your password asked for another e-mail address for your account at ${site}. Nothing changes until that address is confirmed.`,
      ),
      facts(['New address', new_email]),
      deviceFacts(happenedAt, device),
      paragraph('If it was you, you need not do anything here.'),
      paragraph(
        'If it was not you, open your account page and change your password. That ends the request, and logs out every other device.',
      ),
      action('Open the account page', link),
    ],
  }),

  email_changed: ({ site, link, happenedAt }, { token_id, new_email }) => ({
    subject: `Your e-mail address for ${site} was changed`,
    blocks: [
      paragraph(
        `The e-mail address of your account at ${site} was changed. This one no longer belongs to it.`,
      ),
      facts(['When', when(happenedAt)], ['New address', new_email]),
      paragraph('If it was you, you need not do anything.'),
      ...(token_id === undefined
        ? [
            paragraph('If it was not you, tell the people who run the service.'),
            action('Open the account page', link),
          ]
        : [
            paragraph(
              'If it was not you, undo the change. The account then has this address again, its password is gone, every device is logged out, and you choose a new password at once.',
            ),
            action('Undo the change', link),
            paragraph(
              `The link works for 7 days, until ${until(happenedAt, tokenTtlSeconds.restore_email)}. Nobody else can have this address until then.`,
            ),
          ]),
    ],
  }),

  email_restored: ({ site, link, happenedAt }) => ({
    subject: `Your account at ${site} has left this e-mail address`,
    blocks: [
      paragraph(
        `The account at ${site} that had this e-mail address has its earlier one again: the change was undone by the link that had gone there. Its password is gone, and every device is logged out.`,
      ),
      facts(['When', when(happenedAt)]),
      paragraph(
        'If it was not you, and the account is yours, tell the people who run the service. This address can have an account of its own now.',
      ),
      action('Open the account page', link),
    ],
  }),

  address_reserved: ({ site, link }, { kept_until }) => ({
    subject: `This e-mail address is kept at ${site} for now`,
    blocks: [
      paragraph(`Someone tried to use this e-mail address for an account at ${site}. Nothing was changed.`),
      paragraph(
        `An account has left this address within the last seven days. Until ${when(new Date(kept_until))}, that change can be undone by the link in our message about it, and nobody else can have the address. After that it is free.`,
      ),
      paragraph('If it was not you, you need not do anything.'),
      action('Open the account page', link),
    ],
  }),

  identity_linked: ({ site, link, happenedAt }, { provider, ...device }) => ({
    subject: `Your account at ${site} has a new way to log in`,
    blocks: [
      paragraph(
        `Someone logged in to your account at ${site} by a provider that vouched for this e-mail address. From now on the account can be opened that way too.`,
      ),
      facts(['Provider', provider]),
      deviceFacts(happenedAt, device),
      paragraph('If it was you, you need not do anything.'),
      paragraph(
        'If it was not you, someone has this address at that provider. Open your account page, take that way to log in away and log out every other device.',
      ),
      action('Open the account page', link),
    ],
  }),

  new_sign_in: ({ site, link, happenedAt }, details) => ({
    subject: `New sign-in to your account at ${site}`,
    blocks: [
      paragraph(`Someone logged in to your account at ${site} from a device or a network that is new to us.`),
      deviceFacts(happenedAt, details),
      paragraph('If it was you, you need not do anything.'),
      paragraph(
        'If it was not you, someone knows your password, or has your account at a provider that opens this one. Open your account page: change the password, which logs out every other device, and look at the ways to log in.',
      ),
      action('Open the account page', link),
    ],
  }),
};

/** An e-mail as it is sent. Nothing in it was written by anyone else, but for the values of its facts. */
export const renderMessage = ({ template, details }: MailContent, given: MessageFacts): RenderedMessage => {
  const message = messages[template]({ ...given, site: new URL(given.link).host }, details as never);
  return { subject: message.subject, text: renderText(message), html: renderHtml(message) };
};

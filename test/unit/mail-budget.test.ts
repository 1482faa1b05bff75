import { describe, expect, it } from 'vitest';
import { budgetOwnerOf, isUncounted, mailboxOf, mailPolicies } from '../../src/mail/rules/mail-budget.ts';
import type { MailTemplate } from '../../src/mail/rules/outbox.ts';

type Kind = Parameters<typeof mailPolicies>[1];

const templates: readonly MailTemplate[] = [
  'verify_email',
  'codes_locked',
  'verify_new_email',
  'account_exists',
  'invitation',
  'address_reserved',
  'reset_password',
  'new_sign_in',
  'password_changed',
  'email_change_requested',
  'identity_linked',
  'account_deleted',
  'email_restored',
  'email_changed',
];

const fromElsewhere = (template: MailTemplate): Kind => ({ template, isFromFamiliarNetwork: false });
const fromHome = (template: MailTemplate): Kind => ({ template, isFromFamiliarNetwork: true });
const kinds: readonly Kind[] = [...templates.map(fromElsewhere), fromHome('reset_password')];

/** The mails that a stranger can cause without a password, an identity or a role. */
const strangers: readonly Kind[] = (
  ['verify_email', 'verify_new_email', 'account_exists', 'address_reserved', 'reset_password'] as const
).map(fromElsewhere);

const namesOf = (kind: Kind) => mailPolicies({ hourlyMax: 20, dailyMax: 50 }, kind).map(({ name }) => name);

/** The sum of the shares of all kinds of mail in one window. */
const total = (max: number, of: readonly Kind[], window: 0 | 1): number => {
  const policies = of.map((kind) => mailPolicies({ hourlyMax: max, dailyMax: max }, kind)[window]);
  return new Map(policies.map((policy) => [policy?.name, policy?.max ?? 0]))
    .values()
    .reduce((sum, share) => sum + share, 0);
};

describe('the budget of a mailbox', () => {
  it('is never more than the configured value, over all kinds of mail together', () => {
    for (let max = 7; max <= 200; max++) {
      for (const window of [0, 1] as const) expect(total(max, kinds, window)).toBeLessThanOrEqual(max);
    }
    expect(total(20, kinds, 0)).toBe(20);
    expect(total(50, kinds, 1)).toBe(50);
  });

  it('leaves at least half to the owner, whatever mails strangers cause', () => {
    for (const max of [20, 50, 100]) expect(total(max, strangers, 0)).toBeLessThanOrEqual(max / 2);
  });

  it.each([
    ['the link that undoes a takeover', fromElsewhere('email_changed')],
    ['a reset that is asked for from a network which the account knows', fromHome('reset_password')],
  ])('keeps a share for %s, which no other kind uses', (_, own) => {
    for (const other of kinds.filter((kind) => namesOf(kind).join() !== namesOf(own).join())) {
      expect(namesOf(own).some((name) => namesOf(other).includes(name))).toBe(false);
    }
    expect(kinds.filter((kind) => namesOf(kind).join() === namesOf(own).join())).toEqual([own]);
  });

  it('counts the hour before the day, so that a mail refused by the hour does not count for the day', () => {
    expect(mailPolicies({ hourlyMax: 20, dailyMax: 50 }, fromElsewhere('verify_email'))).toEqual([
      { name: 'mail_hour_proofs', max: 4, windowMs: 3_600_000 },
      { name: 'mail_day_proofs', max: 10, windowMs: 86_400_000 },
    ]);
  });
});

describe('the mailbox of an address', () => {
  it.each([
    ['ada@example.com', 'ada@example.com'],
    ['Ada@Example.com', 'ada@example.com'],
    ['ada+news@example.com', 'ada@example.com'],
    ['ada+a+b@example.com', 'ada@example.com'],
    ['a.da@example.com', 'a.da@example.com'],
    ['a.d.a+x@gmail.com', 'ada@gmail.com'],
    ['ada@googlemail.com', 'ada@gmail.com'],
    ['+ada@example.com', '+ada@example.com'],
    ['ada@plus+example.com', 'ada@plus+example.com'],
  ])('%s is %s', (address, mailbox) => expect(mailboxOf(address)).toBe(mailbox));
});

describe('the owner of the budget of a mail', () => {
  const owner = (recipient: string, toProvedAddress = false) => budgetOwnerOf({ recipient, toProvedAddress });

  it('is one for all tags of a mailbox, and another for the address without a tag', () => {
    expect(owner('ada+1@example.com')).toBe(owner('Ada+2@example.com'));
    expect(owner('ada+1@example.com')).not.toBe(owner('ada@example.com'));
    expect(owner('a.da@gmail.com')).toBe(owner('ada@googlemail.com'));
  });

  it('is each proved address itself', () => {
    const proved = owner('a.da@gmail.com', true);
    for (const spelling of ['a.da@gmail.com', 'ada@gmail.com', 'a.da+1@gmail.com']) {
      expect(owner(spelling)).not.toBe(proved);
    }
    expect(owner('ada+1@example.com', true)).not.toBe(owner('ada+2@example.com', true));
  });
});

describe('a mail counts', () => {
  it.each<[string, string | null, boolean]>([
    ['at its first attempt', null, true],
    ['when the limiter could not be reached before', 'budget_unavailable', true],
    ['not again when its provider has put it off', 'resend 500', false],
  ])('%s', (_, lastError, counts) => expect(isUncounted(lastError)).toBe(counts));
});

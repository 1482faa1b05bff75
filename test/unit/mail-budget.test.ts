import { describe, expect, it } from 'vitest';
import { isUncounted, mailboxOf, mailPolicies } from '../../src/domain/mail-budget.ts';
import type { MailTemplate } from '../../src/domain/outbox.ts';

const templates: readonly MailTemplate[] = [
  'verify_email',
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

const strangers: readonly MailTemplate[] = [
  'verify_email',
  'verify_new_email',
  'account_exists',
  'invitation',
  'address_reserved',
  'reset_password',
];

/** What all kinds together may use of one window. */
const total = (max: number, kinds: readonly MailTemplate[], window: 0 | 1): number => {
  const policies = kinds.map((kind) => mailPolicies({ hourlyMax: max, dailyMax: max }, kind)[window]);
  return new Map(policies.map((policy) => [policy?.name, policy?.max ?? 0]))
    .values()
    .reduce((sum, share) => sum + share, 0);
};

describe('the budget of a mailbox', () => {
  it('is never more than the variable says, over all kinds together', () => {
    for (let max = 5; max <= 200; max++) {
      for (const window of [0, 1] as const) expect(total(max, templates, window)).toBeLessThanOrEqual(max);
    }
    expect(total(20, templates, 0)).toBe(20);
    expect(total(50, templates, 1)).toBe(50);
  });

  it('leaves at least half to the owner, whatever strangers cause', () => {
    for (const max of [20, 50, 100]) expect(total(max, strangers, 0)).toBeLessThanOrEqual(max / 2);
  });

  it('keeps a share for the link that undoes a takeover, which no other kind uses', () => {
    const undo = mailPolicies({ hourlyMax: 20, dailyMax: 50 }, 'email_changed').map(({ name }) => name);
    for (const template of templates.filter((each) => each !== 'email_changed')) {
      for (const { name } of mailPolicies({ hourlyMax: 20, dailyMax: 50 }, template)) {
        expect(undo).not.toContain(name);
      }
    }
  });

  it('asks about the hour before the day, so that what the hour refuses costs the day nothing', () => {
    expect(mailPolicies({ hourlyMax: 20, dailyMax: 50 }, 'verify_email')).toEqual([
      { name: 'mail_hour_proofs', max: 6, windowMs: 3_600_000 },
      { name: 'mail_day_proofs', max: 15, windowMs: 86_400_000 },
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

describe('a mail counts', () => {
  it.each<[string, string | null, boolean]>([
    ['at its first attempt', null, true],
    ['when the limiter could not be reached before', 'budget_unavailable', true],
    ['not again when its provider has put it off', 'resend 500', false],
  ])('%s', (_, lastError, counts) => expect(isUncounted(lastError)).toBe(counts));
});

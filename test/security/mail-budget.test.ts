import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import type { MailContent, MailTemplate } from '../../src/mail/rules/outbox.ts';
import type { DeliveryOutcome, MailMessage } from '../../src/platform/rules/mail.ts';
import type { RateLimiter, RatePolicy } from '../../src/platform/rules/sliding-window.ts';
import {
  type Client,
  createClient,
  newAccount,
  newAddress,
  newEmail,
  password,
  silentQueue,
  type Tokens,
} from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { consume } from '../support/worker/invocations.ts';
import { mailsTo, proveAddress, tokenIn } from '../support/worker/mail.ts';
import {
  createMemoryLog,
  createTestMail,
  deadLetters,
  farFuture,
  newMail,
  rowOf,
} from '../support/worker/outbox.ts';

const bindings = { ...env } as unknown as Bindings;

/** Delivers the waiting mails of an address through the queue. @returns the templates of its sent mails */
const deliver = async (recipient: string, given = bindings): Promise<MailTemplate[]> => {
  const ids = (await mailsTo(recipient)).map(({ id }) => id).toReversed();
  for (const id of ids) await consume('itsor-mail', [id], given);
  const sent =
    await sql`select template from outbox where recipient = ${recipient} and sent_at is not null order by id`;
  return sent.map(({ template }) => template as MailTemplate);
};

const countOf = (templates: readonly MailTemplate[], wanted: MailTemplate) =>
  templates.filter((template) => template === wanted).length;

describe('a bystander under the default limits', () => {
  // Limits by network do not help the bystander: an attacker has many.
  const client = createClient({ MAIL_QUEUE: silentQueue });
  const anew = () => ({ headers: { 'CF-Connecting-IP': newAddress() } });

  it('gets only a share of the budget from 20 changes of address', async () => {
    const bystander = newEmail();
    const askers = [await newAccount(client), await newAccount(client)];
    for (let turn = 0; turn < 20; turn++) {
      const asked = await client('POST', '/auth/email/change', {
        ...anew(),
        bearer: askers[turn % askers.length]?.access_token ?? '',
        json: { password, email: bystander },
      });
      expect(asked.status).toBe(202);
    }
    expect(await mailsTo(bystander)).toHaveLength(20);
    expect(await deliver(bystander)).toEqual(Array(2).fill('verify_new_email'));
  });

  it('still gets the message of a sign-up after a flood of address changes', async () => {
    const bystander = newEmail();
    const { access_token: bearer } = await newAccount(client);
    for (let turn = 0; turn < 10; turn++) {
      await client('POST', '/auth/email/change', { ...anew(), bearer, json: { password, email: bystander } });
    }
    await deliver(bystander);
    await client('POST', '/auth/signup', { ...anew(), json: { email: bystander, password } });
    expect(await deliver(bystander)).toContain('verify_email');
  });

  it('gets no more mails from a loop of sign-ups and deletions, which resets nothing', async () => {
    const bystander = newEmail();
    // Each mail counts once, and so do the mails of a deleted account.
    const sent = new Map<string, MailTemplate>();
    const collect = async () => {
      await deliver(bystander);
      const rows =
        await sql`select id, template from outbox where recipient = ${bystander} and sent_at is not null`;
      for (const { id, template } of rows) sent.set(id as string, template as MailTemplate);
    };
    for (let turn = 0; turn < 10; turn++) {
      const json = { email: bystander, password };
      const signup = await client('POST', '/auth/signup', { ...anew(), json });
      expect(signup.status).toBe(201);
      const { access_token: bearer } = await signup.json<{ access_token: string }>();
      await collect();
      const deleted = await client('DELETE', '/users/me', { ...anew(), bearer, json: { password } });
      expect(deleted.status).toBe(204);
      await collect();
    }
    const templates = [...sent.values()];
    expect(countOf(templates, 'verify_email')).toBe(4);
    expect(countOf(templates, 'account_deleted')).toBe(4);
    expect(templates).toHaveLength(8);
  });

  it('has one budget for all spellings with dots, and one more for all tags together', async () => {
    const name = `v${crypto.randomUUID().slice(0, 8)}`;
    const spellings = [`${name}@gmail.com`, `${name}+1@gmail.com`, `${name.split('').join('.')}@gmail.com`];
    const sent: MailTemplate[] = [];
    const more = Array.from({ length: 5 }, (_, tag) => `${name}+more${tag}@googlemail.com`);
    for (const email of [...spellings, ...more]) {
      await client('POST', '/auth/signup', { ...anew(), json: { email, password } });
      sent.push(...(await deliver(email)));
    }
    expect(sent).toHaveLength(2 + 4);
  });

  it('still gets the message for an address without a tag after a flood of tagged addresses', async () => {
    const name = `v${crypto.randomUUID().slice(0, 8)}`;
    for (let tag = 0; tag < 8; tag++) {
      const email = `${name}+${tag}@example.com`;
      await client('POST', '/auth/signup', { ...anew(), json: { email, password } });
      expect(await deliver(email)).toHaveLength(tag < 4 ? 1 : 0);
    }
    const email = `${name}@example.com`;
    await client('POST', '/auth/signup', { ...anew(), json: { email, password } });
    expect(await deliver(email)).toEqual(['verify_email']);
  });
});

describe('the budget that strangers use up', () => {
  const proved = async (client: Client) => {
    const account = await newAccount(client);
    await proveAddress(account.user.email);
    return account;
  };

  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
  const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

  const generous = { RATE_LIMIT_MAX: '10000', MAIL_QUEUE: silentQueue };

  it('leaves the reset link to an owner who asks from a familiar network', async () => {
    const home = createClient(generous);
    const { user } = await proved(home);
    const forgot = async (by: Client) => {
      await by('POST', '/auth/password/forgot', { json: { email: user.email } });
      later(61);
    };
    for (let turn = 0; turn < 5; turn++) await forgot(createClient(generous));
    expect(countOf(await deliver(user.email), 'reset_password')).toBe(4);
    for (let turn = 0; turn < 3; turn++) await forgot(home);
    expect(countOf(await deliver(user.email), 'reset_password')).toBe(4 + 2);
  });

  it('leaves the turn to an owner who asks in the same minute from a familiar network', async () => {
    const home = createClient(generous);
    const { user } = await proved(home);
    const forgot = (by: Client) => by('POST', '/auth/password/forgot', { json: { email: user.email } });
    for (const by of [createClient(generous), home, createClient(generous), home]) await forgot(by);
    expect(countOf(await deliver(user.email), 'reset_password')).toBe(2);
  });

  const logsInAndOut = async (by: Client, email: string) => {
    const login = await by('POST', '/auth/token', { json: { email, password } });
    const { access_token: bearer } = await login.json<Tokens>();
    await by('POST', '/auth/logout', { bearer });
  };
  const resets = async (by: Client, token: string) => {
    later(1);
    const json = { token, password: 'a wholly different phrase 42' };
    expect((await by('POST', '/auth/password/reset', { json })).status).toBe(204);
    later(1);
  };
  const resetsByMail = async (by: Client, email: string) => {
    await by('POST', '/auth/password/forgot', { json: { email } });
    await resets(by, await tokenIn(email, 'reset_password', 'reset_password'));
  };

  it.each([
    [
      'a thief, once the owner has reset the password',
      async (home: Client, other: Client) => {
        const { user } = await proved(home);
        await logsInAndOut(other, user.email);
        await resetsByMail(home, user.email);
        return user.email;
      },
    ],
    [
      'a thief, once the owner has undone the change of the address',
      async (home: Client, other: Client) => {
        const { user, access_token: bearer } = await proved(home);
        await logsInAndOut(other, user.email);
        const thiefs = newEmail();
        await other('POST', '/auth/email/change', { bearer, json: { password, email: thiefs } });
        const confirmation = await tokenIn(thiefs, 'verify_new_email', 'change_email');
        await other('POST', '/auth/email/verify', { json: { token: confirmation } });
        const token = await tokenIn(user.email, 'email_changed', 'restore_email');
        await home('POST', '/auth/email/restore', { json: { token } });
        await resets(home, token);
        return user.email;
      },
    ],
    [
      'a stranger who had signed the address up before',
      async (home: Client, other: Client) => {
        const { user } = await newAccount(other);
        await resetsByMail(home, user.email);
        return user.email;
      },
    ],
  ])('leaves the familiar network to the owner, not to %s', async (_, happens) => {
    const [home, other] = [createClient(generous), createClient(generous)];
    const email = await happens(home, other);
    const asksFrom = async (by: Client) => {
      await sql`update users set reset_sent_at = null, familiar_reset_sent_at = null where email = ${email}`;
      await by('POST', '/auth/password/forgot', { json: { email } });
      return sql`select familiar_reset_sent_at is not null as is_familiar from users where email = ${email}`;
    };
    expect(await asksFrom(other)).toEqual([{ is_familiar: false }]);
    await home('POST', '/auth/token', { json: { email, password: 'a wholly different phrase 42' } });
    expect(await asksFrom(home)).toEqual([{ is_familiar: true }]);
  });

  it.each([
    ['a tag', (name: string) => `${name}+1@gmail.com`],
    ['a dot', (name: string) => `${name.slice(0, 3)}.${name.slice(3)}@gmail.com`],
  ])('leaves the mails to a proved address while a spelling with %s is flooded', async (_, spell) => {
    const client = createClient(generous);
    const name = `v${crypto.randomUUID().slice(0, 8)}`;
    const { user } = await newAccount(client, `${name}@gmail.com`);
    await proveAddress(user.email);
    const invented = await newAccount(client, spell(name));
    for (let turn = 0; turn < 6; turn++) {
      const change = { password, email: newEmail() };
      await client('POST', '/auth/email/change', { bearer: invented.access_token, json: change });
    }
    expect(countOf(await deliver(invented.user.email), 'email_change_requested')).toBe(4);
    const login = await client('POST', '/auth/token', { json: { email: user.email, password } });
    const { access_token: bearer } = await login.json<{ access_token: string }>();
    await client('DELETE', '/users/me', { bearer, json: { password } });
    expect(await deliver(user.email)).toContain('account_deleted');
  });

  it('leaves the mail about a deletion to a former address', async () => {
    const client = createClient(generous);
    const name = `w${crypto.randomUUID().slice(0, 8)}`;
    const { user, access_token: bearer } = await newAccount(client, `${name}+x@any.example`);
    await proveAddress(user.email);
    const next = newEmail();
    await client('POST', '/auth/email/change', { bearer, json: { password, email: next } });
    const token = await tokenIn(next, 'verify_new_email', 'change_email');
    await client('POST', '/auth/email/verify', { json: { token } });
    const invented = await newAccount(client, `${name}+1@any.example`);
    for (let turn = 0; turn < 6; turn++) {
      const change = { password, email: newEmail() };
      await client('POST', '/auth/email/change', { bearer: invented.access_token, json: change });
    }
    expect(countOf(await deliver(invented.user.email), 'email_change_requested')).toBe(4);
    await client('DELETE', '/users/me', { bearer, json: { password } });
    expect(await deliver(user.email)).toContain('account_deleted');
  });

  it('leaves the mails about a password and an address to the owner, and the undo link', async () => {
    const client = createClient(generous);
    const { user, access_token: bearer } = await proved(client);
    const stranger = await proved(createClient(generous));
    for (let turn = 0; turn < 8; turn++) {
      await createClient(generous)('POST', '/auth/password/forgot', { json: { email: user.email } });
      await client('POST', '/auth/email/change', {
        bearer: stranger.access_token,
        json: { password, email: user.email },
      });
      later(61);
    }
    const flooded = await deliver(user.email);
    expect(countOf(flooded, 'reset_password')).toBe(4);
    expect(countOf(flooded, 'account_exists')).toBe(2);

    // A thief who knows the password causes as many mails as the sessions and requests of an account can.
    const programs = ['curl/8', 'Wget/1', 'okhttp/4', 'Dart/3', 'python-requests/2', 'Go-http-client/2'];
    for (let turn = 0; turn < 6; turn++) {
      const headers = { 'User-Agent': programs[turn] ?? '' };
      await client('POST', '/auth/token', { json: { email: user.email, password }, headers });
      await client('POST', '/auth/email/change', { bearer, json: { password, email: newEmail() } });
    }
    const next = newEmail();
    await client('POST', '/auth/email/change', { bearer, json: { password, email: next } });
    const token = await tokenIn(next, 'verify_new_email', 'change_email');
    expect((await client('POST', '/auth/email/verify', { json: { token } })).status).toBe(204);
    const sent = await deliver(user.email);
    expect(countOf(sent, 'email_changed')).toBe(1);
    expect(countOf(sent, 'new_sign_in')).toBe(1);
    expect(countOf(sent, 'email_change_requested')).toBe(4);
  });
});

describe('an unproved address', () => {
  const flows: [string, MailTemplate, (client: Client, email: string, bearer: string) => Promise<unknown>][] =
    [
      [
        'a login from a new device',
        'new_sign_in',
        (client, email) =>
          client('POST', '/auth/token', {
            json: { email, password },
            headers: { 'User-Agent': 'curl/8.5.0' },
          }),
      ],
      [
        'a change of password',
        'password_changed',
        (client, _, bearer) =>
          client('POST', '/auth/password', {
            bearer,
            json: { current_password: password, new_password: 'umbrella lantern orchard 47' },
          }),
      ],
      [
        'a change of address that is asked for',
        'email_change_requested',
        (client, _, bearer) =>
          client('POST', '/auth/email/change', { bearer, json: { password, email: newEmail() } }),
      ],
      [
        'a deletion',
        'account_deleted',
        (client, _, bearer) => client('DELETE', '/users/me', { bearer, json: { password } }),
      ],
    ];

  it.each(flows)('is told of %s like a proved address', async (_, template, flow) => {
    const counts: number[] = [];
    for (const isProved of [false, true]) {
      const client = createClient();
      const { user, access_token: bearer } = await newAccount(client);
      if (isProved) await proveAddress(user.email);
      await flow(client, user.email, bearer);
      counts.push((await mailsTo(user.email)).filter((mail) => mail.template === template).length);
    }
    expect(counts).toEqual([1, 1]);
  });

  it.each(flows)('is told of %s where verification is off', async (_, template, flow) => {
    const client = createClient({ EMAIL_VERIFICATION: 'off' });
    const { user, access_token: bearer } = await newAccount(client);
    await flow(client, user.email, bearer);
    expect((await mailsTo(user.email)).map((mail) => mail.template)).toContain(template);
  });
});

describe('a mail that is held back', () => {
  let written: MockInstance<typeof console.log>;
  beforeEach(() => {
    written = vi.spyOn(console, 'log').mockImplementation(() => {});
  });
  afterEach(() => void written.mockRestore());

  it('is settled without a dead letter, and its log line does not name the address', async () => {
    const verification: MailContent = {
      template: 'verify_email',
      details: { token_id: crypto.randomUUID() },
    };
    const recipient = newEmail();
    const ids: string[] = [];
    for (let turn = 0; turn < 5; turn++) {
      const { id } = await newMail(new Date(), verification);
      await sql`update outbox set recipient = ${recipient} where id = ${id}`;
      ids.push(id);
    }
    const loud = { ...bindings, LOG_LEVEL: 'info' } as Bindings;
    expect(await consume('itsor-mail', ids.slice(0, 4), loud)).toMatchObject({ retried: [] });
    const last = ids[4] ?? '';
    expect(await consume('itsor-mail', [last], loud)).toEqual({ acked: [last], retried: [] });
    expect(await rowOf(last)).toMatchObject({ sent_at: null, last_error: 'held_back', attempts: 1 });

    const scope = { now: new Date(), signal: AbortSignal.timeout(10_000) };
    expect((await deadLetters.list(scope, 1000)).map(({ id }) => id)).not.toContain(last);
    expect(await deadLetters.retryMails(scope, scope.now, [last])).toBe(0);

    const lines = written.mock.calls.map(([line]) => String(line));
    const told = lines.find((line) => line.includes('held back')) ?? '';
    expect(JSON.parse(told)).toMatchObject({
      level: 'warn',
      message: 'mail held back',
      outbox_id: last,
      template: 'verify_email',
      policy: 'mail_hour_proofs',
    });
    expect(told).not.toContain(recipient);
    expect(lines.some((line) => line.includes('dead letter'))).toBe(false);
  });
});

describe('a delivery that counts a mail', () => {
  const accept = (): DeliveryOutcome => ({ kind: 'sent', providerId: null });

  /** A delivery at a time of the test's, by a limiter and a provider that give the test's answers. */
  const newDelivery = (world: {
    admits: (policy: RatePolicy) => boolean;
    answer: (message: MailMessage) => DeliveryOutcome;
  }) => {
    const keys: string[] = [];
    const limiter: RateLimiter = {
      hit: async (policy, key) => {
        keys.push(`${policy.name} ${key.networks}`);
        return world.admits(policy)
          ? { admitted: true, remaining: 0, resetSeconds: 1 }
          : { admitted: false, remaining: 0, resetSeconds: 1, retryAfterSeconds: 1 };
      },
    };
    const delivery = { keys, now: farFuture };
    const { log } = createMemoryLog();
    const mailer = { send: async (message: MailMessage) => world.answer(message) };
    const { deliver: send } = createTestMail({ limiter, mailer, clock: () => delivery.now, log });
    return Object.assign(delivery, { send });
  };

  it('counts a mail once, however often its provider puts it off', async () => {
    const world = { admits: () => true, answer: (): DeliveryOutcome => ({ kind: 'retry', reason: '503' }) };
    const delivery = newDelivery(world);
    const { id } = await newMail(farFuture);
    for (let attempt = 0; attempt < 3; attempt++) {
      const delivered = await delivery.send(id);
      if (delivered.kind !== 'again') throw new Error('not put off');
      delivery.now = new Date(delivery.now.getTime() + delivered.afterSeconds * 1000);
    }
    // An admitted mail is sent even if the budget of the mailbox has been used up in the meantime.
    world.admits = () => false;
    world.answer = accept;
    expect(await delivery.send(id)).toEqual({ kind: 'done', next: null });
    expect(await rowOf(id)).toMatchObject({ sent_at: delivery.now });
    expect(delivery.keys).toHaveLength(2);
  });

  it('puts a mail off while the counts cannot be reached, and does not lose it', async () => {
    let isDown = true;
    const sent: string[] = [];
    const delivery = newDelivery({
      admits: () => {
        if (isDown) throw new Error('no connection');
        return true;
      },
      answer: ({ id }) => {
        sent.push(id);
        return accept();
      },
    });
    const { id } = await newMail(farFuture);
    expect(await delivery.send(id)).toEqual({ kind: 'again', afterSeconds: 60 });
    expect(await rowOf(id)).toMatchObject({ last_error: 'budget_unavailable' });
    expect(sent).toEqual([]);
    isDown = false;
    delivery.now = new Date(farFuture.getTime() + 60_000);
    expect(await delivery.send(id)).toEqual({ kind: 'done', next: null });
    expect(sent).toEqual([id]);
    // The first call threw, so the mail counts at the second attempt.
    expect(delivery.keys).toHaveLength(3);
  });

  it('gives the limiter no address', async () => {
    const delivery = newDelivery({ admits: () => true, answer: accept });
    const { id, recipient } = await newMail(farFuture);
    await delivery.send(id);
    expect(delivery.keys.join()).not.toContain(recipient.split('@')[0]);
  });
});

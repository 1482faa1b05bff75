import { describe, expect, it } from 'vitest';
import type { MailContent } from '../../src/mail/rules/outbox.ts';
import { maxAttempts } from '../../src/mail/rules/outbox-schedule.ts';
import type { DeliveryOutcome, MailMessage } from '../../src/platform/rules/mail.ts';
import { secondsAfter } from '../../src/sessions/rules/session.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { createMemoryLog, createTestMail, farFuture, newMail, rowOf } from '../support/worker/outbox.ts';

/** A delivery at a time of the test's, by a provider that gives the test's answer. */
const newDelivery = (answer: (message: MailMessage) => DeliveryOutcome) => {
  const { log, lines } = createMemoryLog();
  const delivery = { now: farFuture, mails: [] as MailMessage[], lines };
  const mailer = {
    send: async (message: MailMessage) => {
      delivery.mails.push(message);
      return answer(message);
    },
  };
  const { deliver } = createTestMail({ mailer, clock: () => delivery.now, log });
  return Object.assign(delivery, { deliver });
};

const accept = (): DeliveryOutcome => ({ kind: 'sent', providerId: 'p-1' });
const refuse = (): DeliveryOutcome => ({ kind: 'refused', reason: '422' });
const fail = (): DeliveryOutcome => ({ kind: 'retry', reason: '503' });

const verification: MailContent = { template: 'verify_email', details: { token_id: crypto.randomUUID() } };
const reset: MailContent = { template: 'reset_password', details: { token_id: crypto.randomUUID() } };

describe('delivering a mail', () => {
  it('sends a mail once, to its recipient, with the id of its row', async () => {
    const delivery = newDelivery(accept);
    const { id, recipient } = await newMail(farFuture);
    expect(await delivery.deliver(id)).toEqual({ kind: 'done', next: null });
    expect(await delivery.deliver(id)).toEqual({ kind: 'done' });
    expect(delivery.mails).toEqual([expect.objectContaining({ id, to: recipient })]);
    expect(await rowOf(id)).toMatchObject({ sent_at: farFuture });
  });

  it('sends a mail once when 20 deliveries of it run at the same time', async () => {
    const delivery = newDelivery(accept);
    const { id } = await newMail(farFuture);
    await Promise.all(Array.from({ length: 20 }, () => delivery.deliver(id)));
    expect(delivery.mails).toHaveLength(1);
  });

  it('takes two round trips to the database, and one for a mail that needs no delivery', async () => {
    const delivery = newDelivery(accept);
    const { id } = await newMail(farFuture);
    expect(await countRoundTrips(() => delivery.deliver(id))).toBe(2);
    expect(await countRoundTrips(() => delivery.deliver(id))).toBe(1);
  });

  it('asks for another attempt until the schedule ends, then gives up and logs a dead letter', async () => {
    const delivery = newDelivery(fail);
    const { id } = await newMail(farFuture);
    for (let attempt = 1; attempt < maxAttempts; attempt++) {
      const delivered = await delivery.deliver(id);
      if (delivered.kind !== 'again') throw new Error(`gave up after attempt ${attempt}`);
      delivery.now = secondsAfter(delivery.now, delivered.afterSeconds);
    }
    expect(delivery.lines.map(({ level }) => level)).not.toContain('error');
    expect(await delivery.deliver(id)).toEqual({ kind: 'done', next: null });
    expect(await rowOf(id)).toMatchObject({
      attempts: maxAttempts,
      failed_at: delivery.now,
      last_error: '503',
    });
    expect(delivery.lines.at(-1)).toEqual({
      level: 'error',
      message: 'mail dead letter',
      fields: { outbox_id: id, template: 'password_changed', attempts: maxAttempts, reason: '503' },
    });
    expect(delivery.mails).toHaveLength(maxAttempts);
    expect(new Set(delivery.mails.map((mail) => mail.id))).toEqual(new Set([id]));
  });

  it('gives up at once a mail that the provider refuses', async () => {
    const delivery = newDelivery(refuse);
    const { id } = await newMail(farFuture);
    expect(await delivery.deliver(id)).toEqual({ kind: 'done', next: null });
    expect(await rowOf(id)).toMatchObject({ failed_at: farFuture, last_error: '422', attempts: 1 });
  });

  it.each<[string, MailContent, number]>([
    ['a reset link after 30 minutes', reset, 1800],
    ['a verification link after a day', verification, 86_400],
  ])('does not send %s', async (_, content, ttlSeconds) => {
    const delivery = newDelivery(accept);
    const [inTime, late] = [await newMail(farFuture, content), await newMail(farFuture, content)];
    delivery.now = secondsAfter(farFuture, ttlSeconds - 1);
    await delivery.deliver(inTime.id);
    delivery.now = secondsAfter(farFuture, ttlSeconds);
    await delivery.deliver(late.id);
    expect(delivery.mails.map(({ id }) => id)).toEqual([inTime.id]);
    expect(await rowOf(late.id)).toMatchObject({ failed_at: delivery.now, last_error: 'expired' });
  });

  it('leaves an expired code out of a mail', async () => {
    const delivery = newDelivery(accept);
    const [soon, late] = [await newMail(farFuture, verification), await newMail(farFuture, verification)];
    await delivery.deliver(soon.id);
    delivery.now = secondsAfter(farFuture, 600);
    await delivery.deliver(late.id);
    expect(delivery.mails.map(({ text }) => /^ +\d{6}$/m.test(text))).toEqual([true, false]);
    expect(delivery.mails[1]?.text).toContain('/verify-email?token=');
    expect(delivery.mails.map(({ text }) => text.includes('code no longer works'))).toEqual([false, true]);
  });

  it('sends ten mails within a minute through a provider that takes two a second, with their codes', async () => {
    const taken = new Map<number, number>();
    const delivery = newDelivery(() => {
      const second = Math.floor(delivery.now.getTime() / 1000);
      taken.set(second, (taken.get(second) ?? 0) + 1);
      return (taken.get(second) ?? 0) <= 2
        ? { kind: 'sent', providerId: null }
        : { kind: 'retry', reason: 'resend 429', retryAfterSeconds: 1 };
    });
    const ids = await Promise.all(
      Array.from({ length: 10 }, async () => (await newMail(farFuture, verification)).id),
    );
    const dueAt = new Map(ids.map((id) => [id, 0]));
    for (let second = 0; second < 60; second++) {
      delivery.now = secondsAfter(farFuture, second);
      for (const [id, at] of dueAt) {
        if (at > second) continue;
        const delivered = await delivery.deliver(id);
        if (delivered.kind === 'done') dueAt.delete(id);
        else dueAt.set(id, second + delivered.afterSeconds);
      }
    }
    expect([...dueAt.keys()]).toEqual([]);
    for (const id of ids) expect(await rowOf(id)).toMatchObject({ attempts: 1, sent_at: expect.any(Date) });
  });

  it('counts the mails of a mailbox once, however often the provider asks to wait', async () => {
    let counted = 0;
    const limiter = {
      hit: async () => {
        counted += 1;
        return { admitted: true, remaining: 1, resetSeconds: 1 } as const;
      },
    };
    const { log } = createMemoryLog();
    let now = farFuture;
    const mailer = {
      send: async () => ({ kind: 'retry', reason: 'resend 429', retryAfterSeconds: 1 }) as const,
    };
    const { deliver } = createTestMail({ mailer, clock: () => now, log, limiter });
    const { id } = await newMail(farFuture);
    for (let round = 0; round < 4; round++) {
      const delivered = await deliver(id);
      if (delivered.kind !== 'again') throw new Error(delivered.kind);
      expect(await rowOf(id)).toMatchObject({ attempts: 0, last_error: 'resend 429', sent_at: null });
      now = secondsAfter(now, delivered.afterSeconds);
    }
    // One for the hour and one for the day.
    expect(counted).toBe(2);
  });

  it('renders the same token every time, although the row does not hold it', async () => {
    let outcome = fail;
    const delivery = newDelivery(() => outcome());
    const { id } = await newMail(farFuture, reset);
    await delivery.deliver(id);
    outcome = accept;
    delivery.now = secondsAfter(farFuture, 60);
    await delivery.deliver(id);
    const [first, second] = delivery.mails.map(({ text }) => /\?token=(\S+)/.exec(text)?.[1] ?? '');
    expect(first).toMatch(/^[0-9a-f]{32}\.[\w-]{43}$/);
    expect(second).toBe(first);
    const [row] = await sql`select row_to_json(o)::text as text from outbox o where id = ${id}`;
    expect(row?.text).not.toContain(first?.split('.')[1]);
  });

  it('logs neither address nor subject nor token, whatever the outcome', async () => {
    for (const answer of [accept, refuse, fail]) {
      const delivery = newDelivery(answer);
      const { id, recipient } = await newMail(farFuture, verification);
      await delivery.deliver(id);
      const [mail] = delivery.mails;
      const log = JSON.stringify(delivery.lines);
      expect(log).toContain(id);
      const token = /\?token=(\S+)/.exec(mail?.text ?? '')?.[1] ?? '-';
      const code = /^ +(\d{6})$/m.exec(mail?.text ?? '')?.[1] ?? '-';
      for (const secret of [recipient, mail?.subject ?? '-', token, code]) expect(log).not.toContain(secret);
    }
  });
});

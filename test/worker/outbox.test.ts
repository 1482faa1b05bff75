import { describe, expect, it } from 'vitest';
import { maxAttempts } from '../../src/mail/rules/outbox-schedule.ts';
import { secondsAfter } from '../../src/sessions/rules/session.ts';
import { sql } from '../support/worker/database.ts';
import { farFuture, newMail, outbox, plain, rowOf } from '../support/worker/outbox.ts';

const at = (seconds: number) => ({
  now: secondsAfter(farFuture, seconds),
  signal: AbortSignal.timeout(10_000),
});
const sent = { kind: 'sent' } as const;
const again = { kind: 'again', afterSeconds: 60, reason: '503' } as const;
const failed = { kind: 'failed', reason: '422' } as const;

describe('claiming a mail', () => {
  it('begins an attempt and returns the mail', async () => {
    const { id, recipient } = await newMail(farFuture);
    expect(await outbox.claim(at(0), id)).toEqual({
      id,
      recipient,
      toProvedAddress: false,
      isFromFamiliarNetwork: false,
      ...plain,
      createdAt: farFuture,
      sentAt: null,
      attempts: 1,
      lastError: null,
    });
  });

  it('keeps every other delivery away until the lease ends', async () => {
    const { id } = await newMail(farFuture);
    expect(await outbox.claim(at(0), id)).toMatchObject({ attempts: 1 });
    expect(await outbox.claim(at(0), id)).toBeNull();
    expect(await outbox.claim(at(59), id)).toBeNull();
    expect(await outbox.claim(at(60), id)).toMatchObject({ attempts: 2 });
    expect(await outbox.claim(at(60 + 299), id)).toBeNull();
    expect(await outbox.claim(at(60 + 300), id)).toMatchObject({ attempts: 3 });
  });

  it('is won by one of 30 parallel deliveries', async () => {
    const { id } = await newMail(farFuture);
    const claims = await Promise.all(Array.from({ length: 30 }, () => outbox.claim(at(0), id)));
    expect(claims.filter((mail) => mail !== null)).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({ attempts: 1 });
  });

  it('returns null for a mail that is not due, sent, given up, deleted, or tried too often', async () => {
    const { id: early } = await newMail(secondsAfter(farFuture, 1));
    const { id: done } = await newMail(farFuture);
    await outbox.settle(at(0), { id: done, attempts: 0 }, sent);
    const { id: hopeless } = await newMail(farFuture);
    await outbox.settle(at(0), { id: hopeless, attempts: 0 }, failed);
    const { id: worn } = await newMail(farFuture);
    await sql`update outbox set attempts = ${maxAttempts} where id = ${worn}`;
    for (const id of [early, done, hopeless, worn, crypto.randomUUID()])
      expect(await outbox.claim(at(0), id)).toBeNull();
  });
});

describe('settling an attempt', () => {
  it('marks the mail as sent for good', async () => {
    const { id } = await newMail(farFuture);
    await outbox.claim(at(0), id);
    await outbox.settle(at(1), { id, attempts: 1 }, sent);
    expect(await rowOf(id)).toMatchObject({ sent_at: at(1).now, failed_at: null, last_error: null });
    expect(await outbox.claim(at(1_000_000), id)).toBeNull();
  });

  it('sets the next attempt and keeps the reason', async () => {
    const { id } = await newMail(farFuture);
    await outbox.claim(at(0), id);
    await outbox.settle(at(5), { id, attempts: 1 }, { ...again, afterSeconds: 600 });
    expect(await rowOf(id)).toMatchObject({ next_attempt_at: at(605).now, last_error: '503', sent_at: null });
  });

  it('gives the mail up with the reason', async () => {
    const { id } = await newMail(farFuture);
    await outbox.claim(at(0), id);
    await outbox.settle(at(5), { id, attempts: 1 }, failed);
    expect(await rowOf(id)).toMatchObject({ failed_at: at(5).now, last_error: '422', sent_at: null });
  });

  it.each([again, failed])('changes nothing once a later attempt has begun: %o', async (settlement) => {
    const { id } = await newMail(farFuture);
    await outbox.claim(at(0), id);
    await outbox.claim(at(60), id);
    const before = await rowOf(id);
    await outbox.settle(at(61), { id, attempts: 1 }, settlement);
    expect(await rowOf(id)).toEqual(before);
  });

  it('can still mark the mail as sent after a later attempt has begun', async () => {
    const { id } = await newMail(farFuture);
    await outbox.claim(at(0), id);
    await outbox.claim(at(60), id);
    await outbox.settle(at(61), { id, attempts: 1 }, sent);
    await outbox.settle(at(62), { id, attempts: 2 }, failed);
    expect(await rowOf(id)).toMatchObject({ sent_at: at(61).now, failed_at: null });
  });
});

describe('the sweep', () => {
  it('finds the due mails, the longest overdue first', async () => {
    const { id: later } = await newMail(secondsAfter(farFuture, 20));
    const { id: sooner } = await newMail(secondsAfter(farFuture, 10));
    const { id: early } = await newMail(secondsAfter(farFuture, 31));
    const { id: done } = await newMail(farFuture);
    await outbox.settle(at(0), { id: done, attempts: 0 }, sent);
    const own = [later, sooner, early, done];
    const due = (await outbox.due(at(30), 10_000)).filter((id) => own.includes(id));
    expect(due).toEqual([sooner, later]);
    expect(await outbox.due(at(30), 1)).toHaveLength(1);
  });

  // At the time of the other tests, whose mails it would otherwise delete.
  const now = new Date();
  const today = () => ({ now, signal: AbortSignal.timeout(10_000) });
  const daysAgo = (days: number) => secondsAfter(now, -days * 86_400);

  it('deletes only mails that were sent or given up 30 days ago', async () => {
    const [oldSent, oldFailed, oldWaiting, newSent] = await Promise.all(
      [31, 31, 31, 29].map(async (days) => (await newMail(daysAgo(days))).id),
    );
    await sql`update outbox set sent_at = ${now} where id = any(${[oldSent, newSent]})`;
    await sql`update outbox set failed_at = ${now} where id = ${oldFailed}`;
    await sql`update outbox set next_attempt_at = ${farFuture} where id = ${oldWaiting}`;
    await outbox.tidy(today());
    const rows = await Promise.all([oldSent, oldFailed, oldWaiting, newSent].map((id) => rowOf(id ?? '')));
    expect(rows.map((row) => row !== undefined)).toEqual([false, false, true, true]);
  });

  it('gives up a mail whose last attempt ended without an outcome, once its lease has ended', async () => {
    const { id: ended } = await newMail(daysAgo(1));
    const { id: lasting } = await newMail(daysAgo(1));
    await sql`update outbox set attempts = ${maxAttempts} where id = ${ended}`;
    await sql`update outbox set attempts = ${maxAttempts}, next_attempt_at = ${farFuture} where id = ${lasting}`;
    expect(await outbox.tidy(today())).toEqual([ended]);
    expect(await rowOf(ended)).toMatchObject({ failed_at: now, last_error: 'abandoned' });
    expect(await rowOf(lasting)).toMatchObject({ failed_at: null });
  });
});

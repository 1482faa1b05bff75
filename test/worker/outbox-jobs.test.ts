import { env } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import type { Bindings } from '../../src/container.ts';
import { createClient, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { injectFault } from '../support/worker/database-faults.ts';
import { consume as consumeBatch, runSchedule as runCron } from '../support/worker/invocations.ts';
import { newMail, rowOf } from '../support/worker/outbox.ts';

/** Uploads of other tests that a run meets are worked on no further. */
const bindings = (variables: Record<string, unknown> = {}) =>
  ({ ...env, UPLOAD_QUEUE: silentQueue, ...variables }) as Bindings;

const consume = (queue: string, bodies: unknown[], given = bindings()) => consumeBatch(queue, bodies, given);

const runSchedule = (given = bindings()) => runCron(given);

let written: MockInstance<typeof console.log>;
beforeEach(() => {
  written = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => void written.mockRestore());
const logged = () => written.mock.calls.map(([line]) => JSON.parse(line));

describe('the consumer of the mail queue', () => {
  it('delivers mails, and acknowledges messages that need no further work', async () => {
    const { id } = await newMail(new Date());
    const gone = crypto.randomUUID();
    const result = await consume('itsor-mail', [id, gone]);
    expect(result).toEqual({ acked: expect.arrayContaining([id, gone]), retried: [] });
    expect((await rowOf(id))?.sent_at).toBeInstanceOf(Date);
  });

  it('retries the message when the provider fails, until the schedule ends', async () => {
    const { id } = await newMail(new Date());
    const down = bindings({ EMAIL_PROVIDER: 'resend', RESEND_API_KEY: 're_1', FROM_EMAIL: 'a@example.com' });
    const database = globalThis.fetch;
    const fetches = vi
      .spyOn(globalThis, 'fetch')
      .mockImplementation(async (target, init) =>
        String(target instanceof Request ? target.url : target).includes('resend.com')
          ? new Response('', { status: 500 })
          : database(target, init),
      );
    try {
      const result = await consume('itsor-mail', [id], down);
      expect(result).toEqual({ acked: [], retried: [{ body: id, delaySeconds: 60 }] });
    } finally {
      fetches.mockRestore();
    }
    expect(await rowOf(id)).toMatchObject({ attempts: 1, sent_at: null, last_error: 'resend 500' });
  });

  it('retries the message when the database does not answer, and delivers the others', async () => {
    const [lost, fine] = [await newMail(new Date()), await newMail(new Date())];
    const fault = injectFault(async ({ run }) => {
      if (fault.statements.length === 1) throw new TypeError('Network connection lost.');
      return run();
    });
    const result = await consume('itsor-mail', [lost.id, fine.id]).finally(fault.repair);
    expect(result).toEqual({ acked: [fine.id], retried: [{ body: lost.id, delaySeconds: 60 }] });
    expect(logged()).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'mail delivery', outbox_id: lost.id }),
    );
  });

  it('records that a mail was sent once more when the connection breaks, so that it goes out once', async () => {
    const { id } = await newMail(new Date());
    const fault = injectFault(async ({ run }) => {
      const answer = await run();
      if (fault.statements.length === 2) throw new TypeError('Network connection lost.');
      return answer;
    });
    const result = await consume('itsor-mail', [id]).finally(fault.repair);
    expect(result).toEqual({ acked: [id], retried: [] });
    expect(fault.statements).toHaveLength(3);
    expect(await rowOf(id)).toMatchObject({ attempts: 1, sent_at: expect.any(Date) });
  });

  it('retries an unreadable message, so that it becomes a dead letter', async () => {
    const result = await consume('itsor-mail', ['not an id', { id: 1 }, null]);
    expect(result.acked).toEqual([]);
    expect(result.retried).toHaveLength(3);
  });

  it('retries every message while the Worker is misconfigured', async () => {
    const { id } = await newMail(new Date());
    const result = await consume('itsor-mail', [id], bindings({ JWT_ACCESS_MINUTES: 'x' }));
    expect(result).toEqual({ acked: [], retried: [{ body: id, delaySeconds: 60 }] });
    expect(await rowOf(id)).toMatchObject({ attempts: 0 });
  });

  it.each(['itsor-mail-dead', 'itsor-staging-mail-dead', 'itsor-production-mail-dead'])(
    'logs a message in %s, misconfigured or not, and sends nothing',
    async (queue) => {
      const { id } = await newMail(new Date());
      for (const given of [bindings(), bindings({ JWT_ACCESS_MINUTES: 'x' })]) {
        expect(await consume(queue, [id], given)).toEqual({ acked: [id], retried: [] });
        expect(logged().at(-1)).toMatchObject({ level: 'error', message: 'mail dead letter', outbox_id: id });
      }
      expect(await rowOf(id)).toMatchObject({ attempts: 0 });
    },
  );
});

describe('the hourly run', () => {
  it('delivers a mail that the Worker has written but not queued', { timeout: 90_000 }, async () => {
    const unqueued = createClient({ MAIL_QUEUE: { sendBatch: () => new Promise(() => {}) } as never });
    const email = newEmail();
    void unqueued('POST', '/auth/signup', { json: { email, password } });
    const row = () => sql`select sent_at from outbox where recipient = ${email}`;
    await vi.waitFor(async () => expect(await row()).toEqual([{ sent_at: null }]), { timeout: 10_000 });
    await vi.waitFor(
      async () => {
        await runSchedule();
        expect(await row()).toEqual([{ sent_at: expect.any(Date) }]);
      },
      // Mails of other tests may be due before it.
      { timeout: 60_000 },
    );
  });

  it('logs that the Worker is misconfigured, and does nothing else', async () => {
    const { id } = await newMail(new Date());
    await runSchedule(bindings({ JWT_ACCESS_MINUTES: 'x' }));
    expect(logged().at(-1)).toMatchObject({ level: 'error', message: 'misconfigured', job: 'scheduled' });
    expect(await rowOf(id)).toMatchObject({ attempts: 0 });
  });
});

describe('a request that causes a mail', () => {
  it('does not wait for the delivery, and takes one round trip', async () => {
    const sendBatch = vi.fn(async () => {});
    const client = createClient({ MAIL_QUEUE: { sendBatch } as never });
    const email = newEmail();
    expect(await countRoundTrips(() => client('POST', '/auth/signup', { json: { email, password } }))).toBe(
      1,
    );
    const [row] = await sql`select id from outbox where recipient = ${email}`;
    expect(sendBatch.mock.calls).toEqual([[[{ body: row?.id, contentType: 'json' }]]]);
  });

  it('gets the same answer when the queue fails', async () => {
    const client = createClient({
      MAIL_QUEUE: { sendBatch: async () => Promise.reject(new Error('queue is down')) } as never,
    });
    const response = await client('POST', '/auth/signup', { json: { email: newEmail(), password } });
    expect(response.status).toBe(201);
  });
});

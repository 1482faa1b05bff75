import { env, runInDurableObject } from 'cloudflare:test';
import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import type { AgendaObject } from '../../src/agenda/agenda-object.ts';
import { nextRun, queueGraceSeconds, restSeconds } from '../../src/agenda/rules.ts';
import type { DueWork } from '../../src/agenda/sql.ts';
import type { Bindings } from '../../src/container.ts';
import { createJobs } from '../../src/jobs.ts';
import { createTelemetry } from '../../src/platform/telemetry/create-telemetry.ts';
import { newAgenda } from '../support/worker/agenda.ts';
import { createClient, newAccount, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import { consume, runSchedule } from '../support/worker/invocations.ts';
import { createMemoryLog, newMail, rowOf } from '../support/worker/outbox.ts';
import { declare, uploadFile, rowOf as uploadOf } from '../support/worker/uploads.ts';

const minuteMs = 60_000;
let written: MockInstance<typeof console.log>;
beforeEach(() => {
  written = vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A service with an agenda of its own, whose queues keep what they get for the test. */
const newService = (variables: Record<string, unknown> = {}) => {
  const agenda = newAgenda();
  const given = { AGENDA: agenda.AGENDA, MAIL_QUEUE: silentQueue, UPLOAD_QUEUE: silentQueue, ...variables };
  return {
    ...agenda,
    client: createClient({ RATE_LIMIT_MAX: '10000', ...given } as never),
    bindings: { ...env, ...given } as Bindings,
  };
};
const setClock = (ms: number) => vi.useFakeTimers({ toFake: ['Date'], now: ms });
const mailsTo = (email: string) => sql`select id, sent_at from outbox where recipient = ${email}`;

/**
 * Lets minutes pass as the platform would: an alarm rings when its time has come. Only for an agenda with nothing due: a
 * run in the future would do what other tests wait for.
 */
const letPass = async ({ alarmMs, ring }: ReturnType<typeof newAgenda>, minutes: number) => {
  for (let minute = 0; minute < minutes; minute++) {
    setClock(Date.now() + minuteMs);
    const at = await alarmMs();
    if (at !== null && at <= Date.now()) await ring();
  }
};

/** A service with one account, whose mails its own consumer has delivered: a sweep of another test may be first. */
const newServedAccount = () =>
  vi.waitFor(
    async () => {
      const service = newService();
      const account = await newAccount(service.client);
      const mails = await mailsTo(account.user.email);
      expect(mails.length).toBeGreaterThan(0);
      for (const { id } of mails) await consume('itsor-mail', [id], service.bindings);
      expect(await service.entries()).toEqual([]);
      return { ...service, account };
    },
    { timeout: 20_000 },
  );

describe('a service that nobody uses', () => {
  it('does not ask the database in ten minutes after its mails were delivered', async () => {
    const agenda = await newServedAccount();
    expect(await countRoundTrips(() => letPass(agenda, 10))).toBe(0);
  });

  it('does not ask the database while a file only waits for the end of its upload URL', async () => {
    const { client, bindings, account, ...agenda } = await newServedAccount();
    const id = await uploadFile(client, account.access_token);
    await consume('itsor-uploads', [id], bindings);
    const row = await uploadOf(id);
    expect(row?.status).toBe('clean');
    expect(await agenda.entries()).toEqual([{ id, at_ms: row?.next_attempt_at?.getTime() }]);
    expect(await countRoundTrips(() => letPass(agenda, 10))).toBe(0);
  });
});

describe('what is due', () => {
  it('a mail that the queue has lost is sent when its alarm rings', async () => {
    const { client, bindings: _, ...agenda } = newService();
    const email = newEmail();
    await newAccount(client, email);
    const [mail] = await mailsTo(email);
    const [entry] = await agenda.entries();
    expect(entry?.id).toBe(mail?.id);
    const laterMs = Number(entry?.at_ms) - Date.now();
    expect(laterMs).toBeGreaterThan((queueGraceSeconds - 20) * 1000);
    expect(laterMs).toBeLessThanOrEqual(queueGraceSeconds * 1000);
    await vi.waitFor(
      async () => {
        await agenda.bringForward();
        await agenda.ring();
        expect((await mailsTo(email))[0]?.sent_at).toBeInstanceOf(Date);
      },
      // Mails of other tests may be due before it.
      { timeout: 20_000 },
    );
  });

  it('a mail that the provider put off is noted for its next attempt', async () => {
    const { bindings, ...agenda } = newService({
      EMAIL_PROVIDER: 'resend',
      RESEND_API_KEY: 're_1',
      FROM_EMAIL: 'a@example.com',
    });
    const { id } = await newMail(new Date());
    const passOn = globalThis.fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (target, init) =>
      String(target instanceof Request ? target.url : target).includes('resend.com')
        ? new Response('', { status: 500 })
        : passOn(target, init),
    );
    await consume('itsor-mail', [id], bindings);
    const [entry] = await agenda.entries();
    expect(entry?.id).toBe(id);
    expect(Number(entry?.at_ms)).toBeGreaterThan(Number((await rowOf(id))?.next_attempt_at.getTime()));
  });

  it('a file that is declared and never confirmed is noted for its end', async () => {
    const { client, bindings: _, entries } = newService();
    const { access_token: bearer } = await newAccount(client);
    const { id } = await declare(client, bearer);
    const end = (await uploadOf(id))?.next_attempt_at?.getTime();
    expect(await entries()).toContainEqual({ id, at_ms: end });
  });

  it('the deletion of an account is noted, because its files and its former addresses need work', async () => {
    const { client, bindings: _, entries } = newService();
    const { access_token: bearer, user } = await newAccount(client);
    const response = await client('DELETE', '/users/me', { bearer, json: { password } });
    expect(response.status).toBe(204);
    expect((await entries()).map(({ id }) => id)).toContain(user.id);
  });

  it('a request that writes nothing due does not call the agenda', async () => {
    const { client, entries } = newService();
    const { access_token: bearer, refresh_token } = await newAccount(client);
    const before = await entries();
    const set = vi.fn();
    const deaf = createClient({ AGENDA: { getByName: () => ({ set }) } as never });
    await deaf('GET', '/auth/me', { bearer });
    await deaf('POST', '/auth/refresh', { json: { refresh_token } });
    await deaf('GET', '/uploads', { bearer });
    expect(set).not.toHaveBeenCalled();
    expect(await entries()).toEqual(before);
  });
});

describe('the hourly net', () => {
  it('sends a mail whose Worker died before it told the agenda, and tells the agenda what is next', async () => {
    const { bindings, ...agenda } = newService();
    const { id } = await newMail(new Date());
    await newMail(new Date(Date.now() + 30 * minuteMs));
    expect(await agenda.alarmMs()).toBeNull();
    await vi.waitFor(
      async () => {
        await runSchedule(bindings);
        expect((await rowOf(id))?.sent_at).toBeInstanceOf(Date);
      },
      { timeout: 20_000 },
    );
    expect((await agenda.entries()).map(({ id: each }) => each)).toEqual([nextRun]);
    expect(await agenda.alarmMs()).toBeGreaterThan(Date.now());
  });

  it.each([
    ['fails', () => Promise.reject(new Error('the object is away'))],
    ['hangs', () => new Promise<never>(() => {})],
  ])(
    'is all that is left when the agenda %s, and the request succeeds',
    { timeout: 60_000 },
    async (_, set) => {
      const bindings = { AGENDA: { getByName: () => ({ set }) }, MAIL_QUEUE: silentQueue } as never;
      const email = newEmail();
      const signUp = await createClient(bindings)('POST', '/auth/signup', { json: { email, password } });
      expect(signUp.status).toBe(201);
      const lines = written.mock.calls.map(([line]) => JSON.parse(line));
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: 'error',
          message: 'the agenda cannot be reached; the hourly run does the work',
          ids: [(await mailsTo(email))[0]?.id],
        }),
      );
      await vi.waitFor(
        async () => {
          await runSchedule({ ...env, MAIL_QUEUE: silentQueue, AGENDA: newAgenda().AGENDA } as Bindings);
          expect((await mailsTo(email))[0]?.sent_at).toBeInstanceOf(Date);
        },
        { timeout: 20_000 },
      );
    },
  );
});

describe('a run for due work', () => {
  const now = new Date('2026-11-20T10:00:00.000Z');
  const later = new Date('2026-11-20T10:30:00.000Z');
  const nothing: DueWork = { mail: null, upload: null, erasure: null };

  /** @param answers what the database says is due, before the run and after it */
  const newRun = (...answers: (DueWork | Error)[]) => {
    const done: string[] = [];
    const job = (name: string) => async () => void done.push(name);
    const { log, lines } = createMemoryLog();
    const telemetry = createTelemetry(
      { metrics: { enabled: false, token: null }, tracing: null },
      { log, isolate: 'one', gather: async () => {}, random: () => 0 },
    );
    const unused = async () => ({ kind: 'done' }) as const;
    const jobs = createJobs(
      { log, telemetry, clock: () => now },
      {
        mail: { deliver: unused, sweep: job('mail') },
        uploads: {
          work: unused,
          markDeadLetter: job('dead letter'),
          sweep: job('upload'),
          removeOrphans: job('orphans'),
        },
        retention: { purge: job('purge'), erase: job('erasure') },
        agenda: {
          set: async (times) => void done.push(...times.map(({ id, at }) => `${id} ${at?.toISOString()}`)),
          readDue: async () => {
            done.push('read');
            const answer = answers.shift() ?? nothing;
            if (answer instanceof Error) throw answer;
            return answer;
          },
        },
        metrics: null,
      },
    );
    return { done, lines, due: () => jobs.due({ waitUntil: () => {} }), jobs };
  };

  it('asks once where nothing is due, and tells when something is', async () => {
    const empty = newRun(nothing);
    expect(await empty.due()).toBeNull();
    expect(empty.done).toEqual(['read']);
    const waiting = newRun({ mail: null, upload: later, erasure: null });
    expect(await waiting.due()).toEqual(later);
    expect(waiting.done).toEqual(['read']);
  });

  it.each(['mail', 'upload', 'erasure'] as const)('does only what is due: %s', async (kind) => {
    const { done, due } = newRun({ ...nothing, [kind]: now }, { ...nothing, mail: later });
    expect(await due()).toEqual(later);
    expect(done).toEqual(['read', kind, 'read']);
  });

  it('is tried again after a failure, which is logged', async () => {
    const { lines, due } = newRun(new Error('the database is away'));
    expect(await due()).toEqual(now);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'error', message: 'due work' }));
  });

  it('of the cron does everything, whatever is due and whatever the minute is', async () => {
    const { done, jobs } = newRun({ ...nothing, upload: later });
    await jobs.scheduled({ waitUntil: () => {} });
    expect(done.toSorted()).toEqual(
      [`${nextRun} ${later.toISOString()}`, 'mail', 'orphans', 'purge', 'read', 'upload'].toSorted(),
    );
  });
});

describe('the object of the agenda', () => {
  const namespace = env.AGENDA as unknown as DurableObjectNamespace<AgendaObject<never>>;
  /** An object whose work is the test's. */
  const withWork = async (work: (object: AgendaObject<never>) => Promise<Date | null>) => {
    const agenda = newAgenda();
    const stub = (agenda.AGENDA as typeof namespace).getByName('all');
    await runInDurableObject(stub, (object) => Object.assign(object, { work: () => work(object) }));
    return { ...agenda, set: (id: string, atMs: number | null) => stub.set([{ id, atMs }]) };
  };

  it('sets its alarm for the earliest time, and asks nobody when that work is done already', async () => {
    const work = vi.fn(async () => null);
    const { set, ring, alarmMs, entries } = await withWork(work);
    const nowMs = Date.now();
    await set('late', nowMs + 3 * minuteMs);
    await set('early', nowMs + minuteMs);
    expect(await alarmMs()).toBe(nowMs + minuteMs);
    await set('early', null);
    setClock(nowMs + minuteMs);
    await ring();
    expect(work).not.toHaveBeenCalled();
    expect(await alarmMs()).toBe(nowMs + 3 * minuteMs);
    setClock(nowMs + 3 * minuteMs);
    await ring();
    expect(work).toHaveBeenCalledTimes(1);
    expect(await entries()).toEqual([]);
    expect(await alarmMs()).toBeNull();
  });

  it('replaces the time of a row', async () => {
    const { set, entries } = await withWork(async () => null);
    const nowMs = Date.now();
    await set('row', nowMs + minuteMs);
    await set('row', nowMs + 2 * minuteMs);
    expect(await entries()).toEqual([{ id: 'row', at_ms: nowMs + 2 * minuteMs }]);
  });

  it('rests between two runs, even if the database says that something is overdue', async () => {
    const { set, ring, alarmMs } = await withWork(async () => new Date(0));
    const dueMs = Date.now() + minuteMs;
    await set('row', dueMs);
    setClock(dueMs);
    await ring();
    const laterMs = Number(await alarmMs()) - dueMs;
    expect(laterMs).toBeGreaterThanOrEqual(restSeconds * 1000);
    expect(laterMs).toBeLessThan((restSeconds + 20) * 1000);
  });

  it('rests before rows that are due a moment after a run', async () => {
    const { set, ring, alarmMs, entries } = await withWork(async () => null);
    const dueMs = Date.now() + minuteMs;
    await set('row', dueMs);
    await set('next row', dueMs + 1_000);
    setClock(dueMs);
    await ring();
    expect(await entries()).toEqual([{ id: 'next row', at_ms: dueMs + 1_000 }]);
    expect(Number(await alarmMs()) - dueMs).toBeGreaterThanOrEqual(restSeconds * 1000);
  });

  it('rests before a row that is noted after a run, too', async () => {
    const { set, ring, alarmMs } = await withWork(async () => null);
    const dueMs = Date.now() + minuteMs;
    await set('row', dueMs);
    setClock(dueMs);
    await ring();
    await set('next row', dueMs + 1_000);
    expect(Number(await alarmMs()) - dueMs).toBeGreaterThanOrEqual(restSeconds * 1000);
    await set('early', dueMs + 1_000);
    expect(Number(await alarmMs()) - dueMs).toBeGreaterThanOrEqual(restSeconds * 1000);
  });

  it('keeps what is noted during a run', async () => {
    const dueMs = Date.now() + minuteMs;
    const noted = { id: uuidv7(), atMs: dueMs + minuteMs };
    const { set, ring, entries } = await withWork(async (object) => {
      await object.set([noted]);
      return null;
    });
    await set('row', dueMs);
    setClock(dueMs);
    await ring();
    expect(await entries()).toEqual([{ id: noted.id, at_ms: noted.atMs }]);
  });

  it('keeps its entries when a run breaks off, so that the platform can repeat it', async () => {
    const { set, ring, entries } = await withWork(() => Promise.reject(new Error('evicted')));
    const dueMs = Date.now() + minuteMs;
    await set('row', dueMs);
    setClock(dueMs);
    await ring().catch(() => {});
    expect(await entries()).toEqual([{ id: 'row', at_ms: dueMs }]);
  });
});

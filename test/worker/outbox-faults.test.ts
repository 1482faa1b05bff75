import { describe, expect, it } from 'vitest';
import { createJobs } from '../../src/jobs.ts';
import { createBoundedMailer, type Transport } from '../../src/platform/mailers/transport.ts';
import { createTelemetry } from '../../src/platform/telemetry/create-telemetry.ts';
import { secondsAfter } from '../../src/sessions/rules/session.ts';
import { sql } from '../support/worker/database.ts';
import { newBatch } from '../support/worker/invocations.ts';
import { createMemoryLog, createTestMail, farFuture, newMail, outbox } from '../support/worker/outbox.ts';

const mailCount = 200;
/** Each of the first attempts at a mail may fail; all later ones succeed. */
const faultyAttempts = 5;
const sendLimitMs = 30;

/** The faults of an attempt, and whether the mail has left by then: only then can the fault cause a duplicate. */
const faults = {
  'provider answers 500': { mailLeft: false },
  'provider answers garbage': { mailLeft: true },
  'connection refused': { mailLeft: false },
  'reply lost': { mailLeft: true },
  'provider hangs before it accepts': { mailLeft: false },
  'provider hangs after it has accepted': { mailLeft: true },
  'Worker killed after the claim': { mailLeft: false },
  'Worker killed after the mail was sent': { mailLeft: true },
  'database gone when the attempt is settled': { mailLeft: true },
} as const;
type Fault = keyof typeof faults;
const faultNames = Object.keys(faults) as Fault[];

/** Mulberry32: the same seed gives the same faults in any order of execution. */
const random = (seed: number): number => {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

const invocation = { waitUntil: () => {} };
const never = new Promise<never>(() => {});

/** A Worker, its queue and a provider, on a clock of their own. All of them fail by the seed. */
const newWorld = (seed: number, ids: readonly string[]) => {
  const world = { now: farFuture, injected: new Map<string, Fault[]>(), arrivals: new Map<string, number>() };
  const attempts = new Map<string, number>();
  const current = new Map<string, Fault | undefined>();

  const choose = (id: string): Fault | undefined => {
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    const draw = random(seed + ids.indexOf(id) * 1009 + attempt * 7919);
    const fault =
      attempt > faultyAttempts || draw > 0.6
        ? undefined
        : faultNames[Math.floor((draw / 0.6) * faultNames.length)];
    if (fault) world.injected.set(id, [...(world.injected.get(id) ?? []), fault]);
    return fault;
  };

  const transport: Transport = async ({ id }) => {
    const fault = current.get(id);
    if (!fault || faults[fault].mailLeft) world.arrivals.set(id, (world.arrivals.get(id) ?? 0) + 1);
    switch (fault) {
      case 'provider answers 500':
        return { kind: 'retry', reason: '500' };
      case 'provider answers garbage':
        return JSON.parse('<html>');
      case 'connection refused':
      case 'reply lost':
        throw new TypeError('Network connection lost.');
      case 'provider hangs before it accepts':
      case 'provider hangs after it has accepted':
        return never;
      default:
        return { kind: 'sent', providerId: null };
    }
  };

  const own = new Set(ids);
  const failing: typeof outbox = {
    ...outbox,
    due: async (scope, limit) =>
      (await outbox.due(scope, 10_000)).filter((id) => own.has(id)).slice(0, limit),
    tidy: async () => [],
    claim: async (scope, id) => {
      const mail = await outbox.claim(scope, id);
      if (!mail) return null;
      current.set(id, choose(id));
      if (current.get(id) === 'Worker killed after the claim') throw new Error('killed');
      return mail;
    },
    settle: async (scope, mail, settlement) => {
      const fault = current.get(mail.id);
      if (fault === 'Worker killed after the mail was sent') throw new Error('killed');
      if (fault === 'database gone when the attempt is settled') throw new Error('no connection');
      await outbox.settle(scope, mail, settlement);
    },
  };

  const { log, lines } = createMemoryLog();
  const clock = () => world.now;
  const mailer = createBoundedMailer(transport, sendLimitMs);
  const mail = createTestMail({ mailer, clock, log }, failing);
  const nothing = async () => {};
  const done = async () => ({ kind: 'done' }) as const;
  const telemetry = createTelemetry(
    { metrics: { enabled: false, token: null }, tracing: null },
    { log, isolate: 'one', gather: nothing, random: () => 0 },
  );
  const features = {
    mail,
    uploads: { work: done, markDeadLetter: nothing, sweep: nothing, removeOrphans: nothing },
    retention: { purge: nothing, erase: nothing },
    agenda: { set: nothing, readDue: async () => ({ mail: null, upload: null, erasure: null }) },
    metrics: null,
  };
  const jobs = createJobs({ log, telemetry, clock }, features);
  return Object.assign(world, { jobs, lines });
};

const unsent = async (ids: readonly string[]): Promise<{ id: string; next_attempt_at: Date }[]> =>
  (await sql`select id, next_attempt_at from outbox where id = any(${ids}) and sent_at is null order by next_attempt_at`) as never;

/** Runs the queue and the sweep until every mail is sent, and moves the world's clock forward. */
const run = async (world: ReturnType<typeof newWorld>, ids: readonly string[], seed: number) => {
  // A fifth of the mails is never queued, because the Worker died after the commit. A fifth is queued twice.
  const queued = ids.flatMap((id, index) => {
    const draw = random(seed + index);
    return draw < 0.2 ? [] : draw < 0.4 ? [id, id] : [id];
  });
  let queue = queued.map((id) => ({ id, due: farFuture }));
  for (let round = 0; round < 100; round++) {
    const ready = queue.filter(({ due }) => due <= world.now);
    queue = queue.filter(({ due }) => due > world.now);
    for (let start = 0; start < ready.length; start += 5) {
      const { batch, fate } = newBatch(
        'itsor-mail',
        ready.slice(start, start + 5).map(({ id }) => id),
      );
      await world.jobs.queue(batch, invocation);
      for (const { body, delaySeconds = 0 } of fate.retried) {
        // The queue itself loses one in ten.
        if (random(seed + start + round) < 0.9)
          queue.push({ id: String(body), due: secondsAfter(world.now, delaySeconds) });
      }
    }
    await world.jobs.scheduled(invocation);
    const [next] = await unsent(ids);
    if (!next) return;
    if (next.next_attempt_at > world.now) world.now = next.next_attempt_at;
  }
};

describe('200 mails through a provider, a queue, a database and Workers that fail', () => {
  it.each([1, 20_261_120])(
    'arrive at least once, and a fault causes at most one duplicate (seed %i)',
    async (seed) => {
      const ids = await Promise.all(
        Array.from({ length: mailCount }, async () => (await newMail(farFuture)).id),
      );
      const world = newWorld(seed, ids);
      await run(world, ids, seed);

      expect(await unsent(ids)).toEqual([]);
      expect(world.arrivals.size).toBe(mailCount);
      const injected = [...world.injected.values()].flat();
      expect(new Set(injected)).toEqual(new Set(faultNames));
      expect(injected.length).toBeGreaterThan(150);
      for (const id of ids) {
        const duplicating = (world.injected.get(id) ?? []).filter((fault) => faults[fault].mailLeft);
        expect(world.arrivals.get(id), id).toBe(1 + duplicating.length);
      }
      expect(world.lines.filter(({ message }) => message === 'mail dead letter')).toEqual([]);
    },
    120_000,
  );
});

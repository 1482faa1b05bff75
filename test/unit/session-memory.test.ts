import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Epoch } from '../../src/platform/rules/session-answer.ts';
import {
  emptyMemory,
  forget,
  maxRememberedSessions,
  recall,
  remember,
} from '../../src/sessions/rules/session-memory.ts';

const keepMs = 30_000;
const sessionId = 'session';
/** Later than every tick of a run. */
const never = 1e12;

type Read = { readonly epoch: Epoch; version: number | null };

/**
 * An account whose state is a version, in a database and in a gate that may be evicted at any time. Reads, fills and
 * writes are under way at the same time, and each of their steps comes when the run says so.
 */
class World {
  nowMs = 1_000;
  version = 0;
  /** The newest version whose write has been answered after the gate was told. */
  answered = 0;
  readonly committedAtMs = [0];
  reads: Read[] = [];
  writes: number[] = [];
  lives = 0;
  memory = emptyMemory;
  served = 0;

  get life(): string {
    return `life ${this.lives}`;
  }

  ask(): void {
    const told = recall(this.memory, sessionId, this.nowMs);
    if (told === null) {
      const epoch = { life: this.life, changes: this.memory.changes, atMs: this.nowMs };
      this.reads.push({ epoch, version: null });
      return;
    }
    this.served++;
    const version = Number(told.account);
    expect(version, 'served from before a change that was answered').toBeGreaterThanOrEqual(this.answered);
    const replacedAtMs = this.committedAtMs[version + 1] ?? never;
    expect(this.nowMs - replacedAtMs, 'older than the bound').toBeLessThan(keepMs);
  }

  fill(read: Read): void {
    if (read.version === null) return;
    const session = { sessionId, account: `${read.version}`, expiresAtMs: never };
    this.memory = remember(this.memory, { life: this.life, epoch: read.epoch, keepMs }, session);
  }

  commit(): void {
    this.version++;
    this.committedAtMs.push(this.nowMs);
    this.writes.push(this.version);
  }

  tellAndAnswer(version: number): void {
    this.memory = forget(this.memory);
    this.answered = Math.max(this.answered, version);
  }
}

type Step = { readonly name: string; readonly run: (world: World) => void };
const step = (name: string, run: (world: World) => void): Step => ({ name, run });
const of = <Item>(items: readonly Item[], at: number): Item | undefined => items[at % items.length];

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(step('ask', (world) => world.ask())) },
  {
    weight: 5,
    arbitrary: fc.nat(20).map((at) =>
      step('the database answers a read', (world) => {
        const read = of(
          world.reads.filter(({ version }) => version === null),
          at,
        );
        if (read) read.version = world.version;
      }),
    ),
  },
  {
    weight: 5,
    arbitrary: fc.nat(20).map((at) =>
      step('a fill arrives', (world) => {
        const read = of(world.reads, at);
        if (read) world.fill(read);
      }),
    ),
  },
  { weight: 2, arbitrary: fc.constant(step('a write commits', (world) => world.commit())) },
  {
    weight: 3,
    arbitrary: fc.nat(20).map((at) =>
      step('the gate is told, and the write is answered', (world) => {
        const version = of(world.writes, at);
        if (version !== undefined) world.tellAndAnswer(version);
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      step('the Worker of a write dies, or cannot reach the gate', (world) => {
        world.writes.shift();
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(
      step('the gate is evicted', (world) => {
        world.lives++;
        world.memory = emptyMemory;
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: keepMs + 1 }).map((ms) =>
      step(`${ms} ms pass`, (world) => {
        world.nowMs += ms;
      }),
    ),
  },
);

describe('the memory of a session gate', () => {
  test('in every order of reads, fills, writes, evictions and crashes, no answered change is forgotten', () => {
    let served = 0;
    fc.assert(
      fc.property(fc.array(steps, { minLength: 5, maxLength: 60, size: 'max' }), (run) => {
        const world = new World();
        for (const each of run) each.run(world);
        world.ask();
        served += world.served;
      }),
      { numRuns: 3_000 },
    );
    expect(served, 'a gate that never knows anything would pass, too').toBeGreaterThan(1_000);
  });

  const epoch = { life: 'a', changes: 0, atMs: 0 };
  const live = (id: string, expiresAtMs = never) => ({ sessionId: id, account: '{}', expiresAtMs });
  const filled = (expiresAtMs?: number) =>
    remember(emptyMemory, { life: 'a', epoch, keepMs }, live(sessionId, expiresAtMs));

  test('tells a session until the bound, counted from the beginning of its read', () => {
    expect(recall(filled(), sessionId, keepMs - 1)?.account).toBe('{}');
    expect(recall(filled(), sessionId, keepMs)).toBeNull();
  });

  test('tells a session no longer than it lives', () => {
    expect(recall(filled(500), sessionId, 499)?.account).toBe('{}');
    expect(recall(filled(500), sessionId, 500)).toBeNull();
  });

  test('tells nothing of another session of the account', () => {
    expect(recall(filled(), 'another', 1)).toBeNull();
  });

  test('holds a bounded number of sessions, and lets the oldest go', () => {
    let memory = emptyMemory;
    for (let index = 0; index <= maxRememberedSessions; index++) {
      memory = remember(memory, { life: 'a', epoch, keepMs }, live(`${index}`));
    }
    expect(memory.sessions.size).toBe(maxRememberedSessions);
    expect(recall(memory, '0', 1)).toBeNull();
    expect(recall(memory, '1', 1)?.account).toBe('{}');
  });
});

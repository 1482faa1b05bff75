import { describe, expect, it } from 'vitest';
import { cpuMsBetween } from '../../scripts/bench/http/postgres-cpu.ts';
import {
  type Measured,
  printGenerator,
  printGoal,
  printTable,
  type Sample,
} from '../../scripts/bench/http/table.ts';
import { cpuMsIn } from '../../scripts/bench/processes.ts';
import { measureRounds } from '../../scripts/bench/ratios.ts';

const sample = (perSecond: number, more: Partial<Sample> = {}): Sample => ({
  perSecond,
  workerdMs: 0.3,
  postgresMs: 0.2,
  trips: 1,
  generatorShare: 0.1,
  ...more,
});

const measured = (name: string, samples: readonly Sample[]): Measured => ({ name, samples });

const ours = measured('Itsor', [sample(2000), sample(2100), sample(1900)]);
const theirs = measured(
  'another',
  [500, 525, 475].map((rate) => sample(rate, { trips: 2 })),
);

describe('the CPU time of processes', () => {
  it('is read from /proc/<pid>/stat, whatever the name of the process is', () => {
    const stat = '41 (a (b) c) S 1 41 41 0 -1 4194304 100 200 0 0 12 3 40 5 20 0 8 0 100';
    expect(cpuMsIn(stat)).toBe(150);
    expect(cpuMsIn(stat, { children: true })).toBe(600);
  });

  it('is unknown where the system does not tell', () => {
    expect(cpuMsIn('')).toBeNull();
  });

  it('counts a backend that has begun meanwhile from its start, and none that has ended', () => {
    const before = new Map([
      [1, 100],
      [2, 500],
    ]);
    const after = new Map([
      [1, 130],
      [3, 20],
    ]);
    expect(cpuMsBetween(before, after)).toBe(50);
  });
});

describe('rounds of measurements', () => {
  it('have each measurement at its own place, in whatever order they were taken', async () => {
    const rounds = await measureRounds([async () => 'a', async () => 'b', async () => 'c'], {
      rounds: 5,
      limitMs: 1000,
    });
    expect(rounds).toEqual(Array.from({ length: 5 }, () => ['a', 'b', 'c']));
  });

  it('leave out those of the warm-up', async () => {
    const rounds = await measureRounds([async (turn) => turn], { rounds: 2, warmUp: 1, limitMs: 1000 });
    expect(rounds).toEqual([[1], [2]]);
  });

  it('end when their time is up, with one at least', async () => {
    expect(await measureRounds([async () => 1], { rounds: 9, warmUp: 3, limitMs: -1 })).toEqual([[1]]);
  });
});

describe('the table of requests', () => {
  it('has medians, and the ratio of the first row to each other with its interval', () => {
    const [heads, first, second] = printTable([ours, theirs]);
    expect(heads).toMatch(/^ +a second +Itsor beside it +CPU of workerd +CPU of PostgreSQL +round trips$/);
    expect(first).toMatch(/^Itsor +2000 +0\.30 ms +0\.20 ms +1\.0$/);
    expect(second).toMatch(/^another +500 +4\.00 \(4\.00 to 4\.00\) +0\.30 ms +0\.20 ms +2\.0$/);
  });

  it('has a dash where the system tells no CPU time', () => {
    const untold = measured('Itsor', [sample(10, { workerdMs: null, postgresMs: null })]);
    expect(printTable([untold])[1]).toMatch(/^Itsor +10\.0 +– +– +1\.0$/);
  });
});

describe('the goals', () => {
  it.each([
    [4, 'goal: at least 4 of another: 4.00, met'],
    [4.1, 'goal: at least 4.1 of another: 4.00, missed'],
  ])('of a ratio of %d says whether the medians meet it', (atLeast, line) => {
    expect(printGoal([ours, theirs], { kind: 'ratio', beside: 'another', atLeast })).toBe(line);
  });

  it.each([
    [0.3, 'goal: at most 0.3 ms CPU of workerd: 0.30 ms, met'],
    [0.29, 'goal: at most 0.29 ms CPU of workerd: 0.30 ms, missed'],
  ])('of %d ms says whether the first row meets it', (atMostMs, line) => {
    expect(printGoal([ours, theirs], { kind: 'workerd CPU', atMostMs })).toBe(line);
  });

  it('of CPU time is not called met where nothing was measured', () => {
    const untold = measured('Itsor', [sample(10, { workerdMs: null })]);
    expect(printGoal([untold], { kind: 'workerd CPU', atMostMs: 1 })).toMatch(/not measured$/);
  });
});

describe('the load generator', () => {
  it('tells how much of a core it needed at most', () => {
    expect(printGenerator('wrk', [ours, theirs])).toBe('load by wrk, which needed at most 10 % of a core');
  });

  it('that filled its core is named as the bottleneck', () => {
    const busy = measured('bare', [sample(9000, { generatorShare: 0.95 })]);
    expect(printGenerator('wrk', [ours, busy])).toMatch(/95 % of a core: it was the bottleneck/);
  });
});

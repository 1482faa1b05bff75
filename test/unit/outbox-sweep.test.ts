import { describe, expect, it } from 'vitest';
import { createSweep } from '../../src/mail/service/sweep.ts';
import type { OutboxScope } from '../../src/mail/sql/outbox.ts';
import type { LogFields, Logger } from '../../src/platform/context.ts';
import { noMetrics } from '../../src/platform/rules/metrics.ts';

const now = new Date('2026-11-20T10:00:00.000Z');
const ids = (count: number) => Array.from({ length: count }, (_, index) => `mail-${index}`);

const newSweep = ({ due = ids(0), abandoned = ids(0), breaks = ids(0) }) => {
  const seen = { delivered: [] as string[], underWay: 0, mostUnderWay: 0, errors: [] as object[] };
  const log = {
    error: (message: string, fields?: LogFields) => void seen.errors.push({ message, ...fields }),
  } as Logger;
  const deliver = async (id: string) => {
    seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay);
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.underWay--;
    if (breaks.includes(id)) throw new Error('the database is away');
    seen.delivered.push(id);
    return { kind: 'done' } as const;
  };
  const outbox = {
    due: async (_: OutboxScope, limit: number) => due.slice(0, limit),
    tidy: async () => abandoned,
  };
  return { seen, sweep: createSweep({ outbox, deliver, clock: () => now, log, metrics: noMetrics }) };
};

describe('the sweep', () => {
  it('delivers each mail that is due once, six at a time', async () => {
    const { seen, sweep } = newSweep({ due: ids(40) });
    await sweep();
    expect(seen.delivered.toSorted()).toEqual(ids(40).toSorted());
    expect(seen.mostUnderWay).toBe(6);
  });

  it('takes no more mails than a run has time for', async () => {
    const { seen, sweep } = newSweep({ due: ids(500) });
    await sweep();
    expect(seen.delivered).toHaveLength(60);
  });

  it('goes on with the others when deliveries break off, and logs which', async () => {
    const breaks = ['mail-0', 'mail-7'];
    const { seen, sweep } = newSweep({ due: ids(20), breaks });
    await sweep();
    expect(seen.delivered).toHaveLength(18);
    expect(seen.errors).toEqual(
      breaks.map((id) => ({ message: 'mail delivery', outbox_id: id, error: expect.any(Error) })),
    );
  });

  it('logs as a dead letter what was given up without an answer', async () => {
    const { seen, sweep } = newSweep({ abandoned: ['mail-1'] });
    await sweep();
    expect(seen.errors).toEqual([{ message: 'mail dead letter', outbox_id: 'mail-1', reason: 'abandoned' }]);
  });
});

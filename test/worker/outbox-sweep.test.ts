import { describe, expect, it } from 'vitest';
import type { LogFields } from '../../src/platform/context.ts';
import { createMemoryLog, createTestMail, outbox } from '../support/worker/outbox.ts';

const now = new Date('2026-11-20T10:00:00.000Z');
const ids = (count: number) => Array.from({ length: count }, (_, index) => `mail-${index}`);

/** A sweep over an outbox in memory. Its deliveries end with the claim, which counts how many are under way. */
const newSweep = ({ due = ids(0), abandoned = ids(0), breaks = ids(0) }) => {
  const seen = { delivered: [] as string[], underWay: 0, mostUnderWay: 0, errors: [] as object[] };
  const log = {
    ...createMemoryLog().log,
    error: (message: string, fields?: LogFields) => void seen.errors.push({ message, ...fields }),
  };
  const given: typeof outbox = {
    ...outbox,
    claim: async (_, id) => {
      seen.mostUnderWay = Math.max(seen.mostUnderWay, ++seen.underWay);
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.underWay--;
      if (breaks.includes(id)) throw new Error('the database is away');
      seen.delivered.push(id);
      return null;
    },
    due: async (_, limit) => due.slice(0, limit),
    tidy: async () => abandoned,
  };
  const mailer = { send: async () => ({ kind: 'sent', providerId: null }) as const };
  return { seen, sweep: createTestMail({ clock: () => now, log, mailer }, given).sweep };
};

describe('the sweep', () => {
  it('delivers each due mail once, six at a time', async () => {
    const { seen, sweep } = newSweep({ due: ids(40) });
    await sweep();
    expect(seen.delivered.toSorted()).toEqual(ids(40).toSorted());
    expect(seen.mostUnderWay).toBe(6);
  });

  it('delivers no more mails than one run has time for', async () => {
    const { seen, sweep } = newSweep({ due: ids(500) });
    await sweep();
    expect(seen.delivered).toHaveLength(60);
  });

  it('continues when a delivery fails, and logs the id of its mail', async () => {
    const breaks = ['mail-0', 'mail-7'];
    const { seen, sweep } = newSweep({ due: ids(20), breaks });
    await sweep();
    expect(seen.delivered).toHaveLength(18);
    expect(seen.errors).toEqual(
      breaks.map((id) => ({ message: 'mail delivery', outbox_id: id, error: expect.any(Error) })),
    );
  });

  it('logs a mail as a dead letter when its last attempt ended without an outcome', async () => {
    const { seen, sweep } = newSweep({ abandoned: ['mail-1'] });
    await sweep();
    expect(seen.errors).toEqual([{ message: 'mail dead letter', outbox_id: 'mail-1', reason: 'abandoned' }]);
  });
});

import type { Container } from '../container.ts';
import {
  endedSessionDays,
  erasureBatch,
  maxErasureSteps,
  maxPurgeBatches,
  purgeBatch,
  tokenDays,
} from './rules.ts';
import { type AgeingTable, createRetentionSql } from './sql.ts';

const dayMs = 86_400_000;
const databaseLimitMs = 10_000;

export const createRetention = ({ db, config, clock, log }: Container) => {
  const rows = createRetentionSql({ db });
  const scope = () => ({ signal: AbortSignal.timeout(databaseLimitMs) });

  const purgeTable = async (table: AgeingTable, days: number | null): Promise<void> => {
    if (days === null) return;
    const before = new Date(clock().getTime() - days * dayMs);
    for (let batch = 0; batch < maxPurgeBatches; batch++) {
      const deleted = await rows.purge(scope(), table, before, purgeBatch);
      if (deleted > 0) log.info('retention', { table, deleted });
      if (deleted < purgeBatch) return;
    }
  };

  const erase = async (): Promise<void> => {
    for (let step = 0; step < maxErasureSteps; step++) {
      const erased = await rows.erasures.step(scope(), { now: clock(), limit: erasureBatch });
      if (erased.sessions + erased.events + erased.done === 0) return;
      log.info('erasure', erased);
    }
  };

  return {
    /** Erases what is left of deleted accounts. */
    erase,
    /** Deletes rows that are older than their retention, and erases what a deletion has not announced. */
    purge: async (): Promise<void> => {
      const { auditDays, sessionDays } = config.retention;
      await purgeTable('audit_events', auditDays);
      await purgeTable('sessions', sessionDays + endedSessionDays);
      await purgeTable('one_time_tokens', tokenDays);
      await rows.erasures.findForgotten(scope(), clock());
      await erase();
    },
  };
};

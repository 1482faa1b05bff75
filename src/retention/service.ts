import type { ErasureRepository } from '../accounts/sql/erasure.ts';
import type { Retention } from '../platform/config/schema.ts';
import type { Logger } from '../platform/context.ts';
import { endedSessionDays, erasureBatch, maxErasureSteps, purgeBatch, tokenDays } from './rules.ts';
import type { AgeingTable, RetentionRepository } from './sql.ts';

const dayMs = 86_400_000;
const databaseLimitMs = 10_000;

type Deps = {
  readonly rows: RetentionRepository;
  readonly erasures: ErasureRepository;
  readonly retention: Retention;
  readonly clock: () => Date;
  readonly log: Logger;
};

/** Deletes what has been kept as long as it is to be, and what is left of deleted accounts. */
export const createPurge = ({ rows, erasures, retention, clock, log }: Deps) => {
  const scope = () => ({ signal: AbortSignal.timeout(databaseLimitMs) });

  const purge = async (table: AgeingTable, days: number | null): Promise<void> => {
    if (days === null) return;
    const before = new Date(clock().getTime() - days * dayMs);
    const deleted = await rows.purge(scope(), table, before, purgeBatch);
    if (deleted > 0) log.info('retention', { table, deleted });
  };

  const erase = async (): Promise<void> => {
    await erasures.findForgotten(scope(), clock());
    for (let step = 0; step < maxErasureSteps; step++) {
      const { sessions, events, done } = await erasures.step(scope(), { now: clock(), limit: erasureBatch });
      if (sessions + events + done === 0) return;
      log.info('erasure', { sessions, events, done });
    }
  };

  return async (): Promise<void> => {
    await purge('audit_events', retention.auditDays);
    await purge('sessions', retention.sessionDays + endedSessionDays);
    await purge('one_time_tokens', tokenDays);
    await erase();
  };
};

import type { Logger } from '../../context.ts';
import { endedSessionDays, purgeBatch, type Retention, tokenDays } from '../../domain/retention.ts';
import type { AgeingTable, RetentionRepository } from '../../repositories/retention.ts';

const dayMs = 86_400_000;
const databaseLimitMs = 10_000;

type Deps = {
  readonly rows: RetentionRepository;
  readonly retention: Retention;
  readonly clock: () => Date;
  readonly log: Logger;
};

/** Deletes what has been kept as long as it is to be. */
export const createPurge = ({ rows, retention, clock, log }: Deps) => {
  const purge = async (table: AgeingTable, days: number | null): Promise<void> => {
    if (days === null) return;
    const before = new Date(clock().getTime() - days * dayMs);
    const deleted = await rows.purge(
      { signal: AbortSignal.timeout(databaseLimitMs) },
      table,
      before,
      purgeBatch,
    );
    if (deleted > 0) log.info('retention', { table, deleted });
  };

  return async (): Promise<void> => {
    await purge('audit_events', retention.auditDays);
    await purge('sessions', retention.sessionDays + endedSessionDays);
    await purge('one_time_tokens', tokenDays);
  };
};

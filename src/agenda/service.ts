import type { Container } from '../container.ts';
import { createDueSql, type DueWork } from './sql.ts';

const databaseLimitMs = 10_000;

/** The work in the background, by the time when it is due. */
export const createAgendaWork = ({ db, agenda }: Pick<Container, 'db' | 'agenda'>) => {
  const rows = createDueSql({ db });
  return {
    set: agenda.set,
    /** Asks the database, in one round trip. */
    readDue: (): Promise<DueWork> => rows.read({ signal: AbortSignal.timeout(databaseLimitMs) }),
  };
};

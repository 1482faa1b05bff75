import { env, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { AgendaObject } from '../../../src/agenda/agenda-object.ts';

/** All tests share one database, so no alarm rings by itself: its work would do what another test waits for. */
const ring = AgendaObject.prototype.alarm;
let isRinging = false;
export const silenceAlarms = (): void => {
  AgendaObject.prototype.alarm = async function alarm(this: AgendaObject<never>) {
    if (isRinging) await ring.call(this);
  };
};

/** An agenda of the test's own. */
export const newAgenda = () => {
  const namespace = env.AGENDA as unknown as DurableObjectNamespace<AgendaObject<never>>;
  const stub = namespace.getByName(crypto.randomUUID());
  return {
    /** In place of the binding of the same name. */
    AGENDA: { getByName: () => stub } as never,
    /** What the agenda waits for, the earliest first. */
    entries: (): Promise<{ id: string; at_ms: number }[]> =>
      runInDurableObject(stub, (_, { storage }) =>
        storage.sql.exec<{ id: string; at_ms: number }>('select id, at_ms from due order by at_ms').toArray(),
      ),
    alarmMs: (): Promise<number | null> => runInDurableObject(stub, (_, { storage }) => storage.getAlarm()),
    /** Makes everything due now, while the clock of the database and of other tests goes on as before. */
    bringForward: (): Promise<void> =>
      runInDurableObject(stub, (_, { storage }) => {
        storage.sql.exec('update due set at_ms = ?', Date.now() - 1);
      }),
    /** Lets the alarm ring now. @returns whether one was set */
    ring: async (): Promise<boolean> => {
      isRinging = true;
      return runDurableObjectAlarm(stub).finally(() => {
        isRinging = false;
      });
    },
  };
};

import type { Logger, SessionContext } from '../platform/context.ts';
import type { SessionAnswer } from '../platform/rules/session-answer.ts';
import type { ObserveCall } from '../platform/telemetry/instruments.ts';
import type { SessionGate as SessionGateObject } from './session-gate-object.ts';

type Options = {
  /** `SESSION_CACHE_SECONDS`: how long a gate may tell what it was told. 0 turns its memory off. */
  readonly cacheSeconds: number;
  readonly log: Logger;
  readonly called: ObserveCall;
};

/** How long a change waits for a gate to take note of it. What a gate was not told, it forgets by itself. */
const tellWithinMs = 2_000;

const within = async (ms: number, work: Promise<void>): Promise<void> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

export type SessionGate = ReturnType<typeof createSessionGate>;

/**
 * The session gates: one Durable Object per account, which remembers the sessions that live, so that a request with a
 * good token needs no database. They are never the truth. A gate that cannot be reached, or that knows nothing, leaves
 * the question to PostgreSQL; the statements that write decide there in any case.
 */
export const createSessionGate = (
  namespace: DurableObjectNamespace<SessionGateObject>,
  { cacheSeconds, log, called }: Options,
) => {
  const gateOf = (userId: string) => namespace.getByName(userId);

  return {
    countsOf: gateOf,

    /** What the gate knows of a session, without a count; null where it cannot be reached. */
    ask: (userId: string, sessionId: string): Promise<SessionAnswer | null> =>
      called('SessionGate', 'ask', async () => gateOf(userId).ask(sessionId)).catch((error: unknown) => {
        log.error('a session gate cannot be reached', { error });
        return null;
      }),

    /**
     * Hands over what the database told of the actor's session, in reply to an answer that knew nothing.
     * @param account null where the session has ended
     */
    fill: (
      { actor, defer }: SessionContext,
      { epoch }: SessionAnswer,
      { account, expiresAt }: { readonly account: string | null; readonly expiresAt: Date },
    ): void => {
      if (cacheSeconds === 0) return;
      const { userId, sessionId } = actor;
      const session = { sessionId, account, expiresAtMs: expiresAt.getTime() };
      const fill = async () => gateOf(userId).fill(session, epoch, cacheSeconds * 1000);
      defer('fill a session gate', called('SessionGate', 'fill', fill));
    },

    /**
     * Tells the gates that accounts have changed, before the answer that says so. The change is committed, so a gate that
     * cannot be told must not fail it: it forgets within `SESSION_CACHE_SECONDS`.
     */
    forget: async (accountIds: readonly string[]): Promise<void> => {
      if (cacheSeconds === 0) return;
      const tell = async (userId: string) => {
        const told = called('SessionGate', 'forget', async () => gateOf(userId).forget());
        await within(tellWithinMs, told).catch((error: unknown) => {
          log.error('a session gate could not be told of a change', { cache_seconds: cacheSeconds, error });
        });
      };
      await Promise.all(accountIds.map(tell));
    },
  };
};

import { shareOf, widestOf } from '../rules/network.ts';
import type { SessionAnswer } from '../rules/session-answer.ts';
import type {
  Bucket,
  BucketHit,
  Caller,
  RateDecision,
  RateLimiter,
  RatePolicy,
} from '../rules/sliding-window.ts';
import type { ObserveCall } from '../telemetry/instruments.ts';
import type { RateLimiter as RateLimiterObject } from './rate-limiter-object.ts';

const rememberedKeys = 10_000;
/** A person's hits may be given back at any time, so an isolate refuses without asking only this long. */
const personIsBlockedMs = 1_000;

type Session = NonNullable<Caller['session']>;

/** What gives a hit of a person back. */
export type Ticket = { readonly bucket: string; readonly atMs: number };

export type PersonHit = {
  /** Null for a hit of a session that is in doubt, which is not counted. */
  readonly hit: BucketHit | null;
  readonly ticket: Ticket | null;
  /** The time until which no hit of the session counts, because it was dead when it was last used. */
  readonly doubtedUntilMs: number | null;
  readonly answer: SessionAnswer;
};

/** The counts of a person. The object that has them also knows something of the person's sessions. */
export type PersonCounts = {
  readonly hit: (sessionId: string, bucket: Bucket, windowMs: number) => Promise<PersonHit>;
  readonly giveBack: (ticket: Ticket, sessionId: string, untilMs: number) => Promise<void>;
  readonly trust: (sessionId: string) => Promise<void>;
};

type Options = {
  readonly countsOf: (userId: string) => PersonCounts;
  /** How long the hits of a dead session count for its network instead of its person: the lifetime of its token. */
  readonly doubtMs: number;
  readonly called?: ObserveCall;
};

/** Names that an isolate remembers until a time each. Beyond `rememberedKeys` it forgets the oldest. */
const createMemory = () => {
  const untilMsOf = new Map<string, number>();
  return {
    /** The time that the name is remembered until, or 0. */
    untilMs: (name: string, nowMs: number): number => {
      const untilMs = untilMsOf.get(name) ?? 0;
      if (untilMs > nowMs) return untilMs;
      untilMsOf.delete(name);
      return 0;
    },
    remember: (name: string, untilMs: number): void => {
      // A Map keeps the order of insertion, so its first key is the oldest.
      const oldest = untilMsOf.keys().next().value;
      if (untilMsOf.size >= rememberedKeys && oldest !== undefined) untilMsOf.delete(oldest);
      untilMsOf.set(name, untilMs);
    },
    forget: (name: string): void => void untilMsOf.delete(name),
  };
};

const refusal = (resetMs: number): RateDecision => {
  const seconds = Math.ceil(resetMs / 1000);
  return { admitted: false, remaining: 0, resetSeconds: seconds, retryAfterSeconds: seconds };
};

/** The count that leaves least; among refusals, the longest. */
const tightest = (hits: readonly BucketHit[]): BucketHit | undefined =>
  hits.toSorted(
    (a, b) => Number(a.admitted) - Number(b.admitted) || a.remaining - b.remaining || b.resetMs - a.resetMs,
  )[0];

/**
 * A rate limiter that counts in Durable Objects. Each isolate remembers blocked keys, so that it refuses a flood without
 * a call. Keys name objects: they are networks and user ids, never text that a client made up.
 */
export const createRateLimiter = (
  namespace: DurableObjectNamespace<RateLimiterObject>,
  { countsOf, doubtMs, called = (_object, _method, call) => call() }: Options,
): RateLimiter => {
  const blocked = createMemory();
  const doubted = createMemory();

  const hitNetworks = async (
    { name: policyName, max, windowMs }: RatePolicy,
    { networks }: Caller,
    now: Date,
  ): Promise<RateDecision> => {
    const nowMs = now.getTime();
    // Each prefix has its own count: a /64 over its limit blocks no other /64 of its /48.
    const keyOf = (network: string) => `${policyName}|network|${network}`;
    const untilMs = Math.max(...networks.map((network) => blocked.untilMs(keyOf(network), nowMs)));
    if (untilMs > 0) return refusal(untilMs - nowMs);

    const buckets = networks.map((name) => ({ name, max: max * shareOf(name) }));
    const hits = await called('RateLimiter', 'hit', () =>
      namespace.getByName(keyOf(widestOf(networks))).hit(buckets, windowMs),
    );
    // From the arrival of the request, not of the reply: the memory may forget a little early, never late.
    for (const { name, admitted, resetMs } of hits) {
      if (!admitted) blocked.remember(keyOf(name), nowMs + resetMs);
    }
    const hit = tightest(hits);
    if (!hit?.admitted) return refusal(hit?.resetMs ?? windowMs);
    return { admitted: true, remaining: hit.remaining, resetSeconds: Math.ceil(hit.resetMs / 1000) };
  };

  const hitPerson = async (
    policy: RatePolicy,
    caller: Caller,
    { userId, sessionId }: Session,
    now: Date,
  ): Promise<RateDecision> => {
    const nowMs = now.getTime();
    const { name, max, windowMs } = policy;
    const session = `${name}|user|${userId}|${sessionId}`;

    const hitInDoubt = async (): Promise<RateDecision> => {
      const decision = await hitNetworks(policy, caller, now);
      const settle = async (lives: boolean) => {
        if (!lives) return null;
        doubted.forget(session);
        await called('SessionGate', 'trust', async () => countsOf(userId).trust(sessionId));
        return null;
      };
      return decision.admitted ? { ...decision, settle } : decision;
    };

    if (doubted.untilMs(session, nowMs) > 0) return hitInDoubt();
    const untilMs = blocked.untilMs(session, nowMs);
    if (untilMs > 0) return refusal(untilMs - nowMs);

    const { hit, ticket, doubtedUntilMs, answer } = await called('SessionGate', 'hit', () =>
      countsOf(userId).hit(sessionId, { name, max }, windowMs),
    );
    if (doubtedUntilMs !== null) {
      doubted.remember(session, doubtedUntilMs);
      return hitInDoubt();
    }
    if (!hit?.admitted || ticket === null) {
      blocked.remember(session, nowMs + Math.min(hit?.resetMs ?? windowMs, personIsBlockedMs));
      return refusal(hit?.resetMs ?? windowMs);
    }
    const admitted = {
      admitted: true,
      remaining: hit.remaining,
      resetSeconds: Math.ceil(hit.resetMs / 1000),
      answer,
    } as const;
    if (answer.account !== null) return admitted;
    const settle = async (lives: boolean) => {
      if (lives) return null;
      doubted.remember(session, nowMs + doubtMs);
      const [decision] = await Promise.all([
        hitNetworks(policy, caller, now),
        called('SessionGate', 'giveBack', async () =>
          countsOf(userId).giveBack(ticket, sessionId, nowMs + doubtMs),
        ),
      ]);
      return decision;
    };
    return { ...admitted, settle };
  };

  return {
    hit: (policy, caller, now) =>
      caller.session ? hitPerson(policy, caller, caller.session, now) : hitNetworks(policy, caller, now),
  };
};

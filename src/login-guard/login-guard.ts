import { AppError } from '../platform/errors.ts';
import type { Metrics } from '../platform/rules/metrics.ts';
import { type Networks, widestOf } from '../platform/rules/network.ts';
import type { ObserveCall } from '../platform/telemetry/instruments.ts';
import type { Attempt, Counter, LoginGuard as LoginGuardObject, Place } from './login-guard-object.ts';
import type { Challenge, LoginOutcome } from './rules/login-attempts.ts';
import {
  codeLimits,
  identifierLimits,
  type LedgerLimits,
  type LoginAttempt,
  type LoginGuard,
  type LoginPolicy,
  networkCodeLimits,
  networkLimits,
  type Standing,
} from './rules/login-ledger.ts';

/** Objects that count, however many accounts there are (ADR 20). Changing it forgets what has been counted. */
const shardCount = 64;

/** How long an attempt waits for those in flight; its request may last longer. */
const patienceMs = 8_000;
/** What is left at least for the second count, whose places may be taken for a moment too. */
const lastPatienceMs = 1_000;

// Object names and keys can be read in the dashboard, so they hold a digest of the e-mail address.
const digestOf = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));

const shardOf = ([first = 0]: Uint8Array): string => `shard|${first % shardCount}`;

/** `kinds` are the counts that an attempt has in each network, the one that counts everything last. */
const placeOfNetworks = async (
  networks: Networks,
  kinds: Readonly<Record<string, (network: string) => LedgerLimits>>,
): Promise<Place> => {
  const [first, ...others] = Object.entries(kinds).flatMap(([kind, limitsOf]) =>
    networks.map(
      (network): Counter => ({ key: `${kind}|${network}`, limits: limitsOf(network), networks: [] }),
    ),
  );
  if (!first) throw new Error('an attempt counts in one network at least');
  return { shard: shardOf(await digestOf(widestOf(networks))), counters: [first, ...others] };
};

// A login that cannot be counted is refused, because an outage would be a chance to guess without limit.
const unreachable = (cause: unknown): never => {
  throw new AppError('service_unavailable', { retryAfterSeconds: 1, cause });
};

/**
 * Takes one Durable Object call to reserve, one to settle, and one for each name that is forgiven. While an account has
 * no place left for any network, a reservation takes a second call.
 */
export const createLoginGuard = (
  namespace: DurableObjectNamespace<LoginGuardObject>,
  policy: LoginPolicy,
): LoginGuard => {
  const kinds = {
    login: identifierLimits(policy),
    // While the count of all networks has no place left, two groups of attempts have limits of their own: those from networks
    // that the account knows, and those with a live session of it.
    familiar: identifierLimits(policy),
    session: identifierLimits(policy),
    code: codeLimits,
  } satisfies Record<string, LedgerLimits>;
  const ofAll = { network: (network: string) => networkLimits(policy, network) };
  const ofCodes = { 'network-codes': networkCodeLimits, ...ofAll };

  /**
   * All counts of one name lie in one shard. `name` is in the form of the look-up, so that no spelling has a count of
   * its own.
   */
  const placeOf = async (
    name: string,
    networks: readonly string[],
    [kind, ...others]: readonly [keyof typeof kinds, ...(keyof typeof kinds)[]],
  ): Promise<Place> => {
    const digest = await digestOf(name);
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const counterOf = (of: keyof typeof kinds): Counter => ({
      key: `${of}|${hex}`,
      limits: kinds[of],
      networks,
    });
    return { shard: shardOf(digest), counters: [counterOf(kind), ...others.map(counterOf)] };
  };

  /** `instead` tells which count to take if the account has no place left for any network; null: none. */
  const reserve = async (
    kind: keyof typeof kinds,
    name: string,
    networks: Networks,
    instead: () => Promise<Standing | null> = async () => null,
    challenge: Challenge = null,
    patience = patienceMs,
  ): Promise<LoginAttempt> => {
    const [subject, ofNetworks] = await Promise.all([
      placeOf(name, networks, [kind]),
      placeOfNetworks(networks, kind === 'code' ? ofCodes : ofAll),
    ]);
    const attempt: Attempt = { subject, networks: ofNetworks, challenge, patienceMs: patience };
    const object = namespace.getByName(subject.shard);
    const reply = await object.reserve(attempt).catch(unreachable);
    if (reply.admitted) {
      const { ticket, isDoubtful } = reply;
      const settle = (outcome: LoginOutcome) => object.settle(attempt, ticket, outcome);
      return { admitted: true, settle, ...(isDoubtful && { isDoubtful }) };
    }
    if (reply.isChallenged) return { admitted: false, retryAfterSeconds: 0, isChallenged: true };
    const other = reply.takenEverywhere ? await instead() : null;
    if (other !== null) {
      const left = Math.max(lastPatienceMs, patience - reply.waitedMs);
      return reserve(other, name, networks, undefined, challenge, left);
    }
    return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil(reply.retryAfterMs / 1000)) };
  };

  return {
    reserve: (account, networks, standing, challenge) =>
      reserve('login', account.value, networks, standing, challenge),
    reserveCode: (email, networks) => reserve('code', email, networks),
    forgive: async (names, networks) => {
      const forgiveOne = async (name: string) => {
        const { shard, counters } = await placeOf(name, networks, ['login', 'familiar', 'session', 'code']);
        await namespace.getByName(shard).forgive(counters);
      };
      await Promise.all(names.map(({ value }) => forgiveOne(value)));
    },
  };
};

/** The same guard with a span and metrics around its calls. */
export const instrumentLoginGuard = (
  { reserve, reserveCode, forgive }: LoginGuard,
  { metrics, called }: { readonly metrics: Metrics; readonly called: ObserveCall },
): LoginGuard => {
  const observed = (attempt: LoginAttempt, settled?: (outcome: LoginOutcome) => void): LoginAttempt =>
    attempt.admitted
      ? {
          ...attempt,
          settle: (outcome) => {
            settled?.(outcome);
            return called('LoginGuard', 'settle', () => attempt.settle(outcome));
          },
        }
      : attempt;
  const decided = (decision: string) => metrics.count('itsor_login_guard_decisions_total', { decision });

  return {
    reserve: async (...attempted) => {
      try {
        const attempt = await called('LoginGuard', 'reserve', () => reserve(...attempted));
        decided(attempt.admitted ? 'admitted' : attempt.isChallenged ? 'challenged' : 'locked');
        return observed(attempt, (outcome) => metrics.count('itsor_login_attempts_total', { outcome }));
      } catch (error) {
        decided('unreachable');
        throw error;
      }
    },
    // The metrics of logins leave codes out, because no password is guessed.
    reserveCode: async (email, networks) =>
      observed(await called('LoginGuard', 'reserve', () => reserveCode(email, networks))),
    forgive: (names, networks) => called('LoginGuard', 'forgive', () => forgive(names, networks)),
  };
};

import { parseIdentifier } from '../accounts/rules/account.ts';
import { AppError } from '../platform/errors.ts';
import { type Networks, widestOf } from '../platform/rules/network.ts';
import type { Attempt, Counter, LoginGuard as LoginGuardObject, Place } from './login-guard-object.ts';
import {
  codeLimits,
  identifierLimits,
  type LedgerLimits,
  type LoginAttempt,
  type LoginGuard,
  type LoginPolicy,
  networkLimits,
  type Standing,
} from './rules/login-ledger.ts';

/** Objects that count, however many accounts there are (ADR 20). Changing it forgets what has been counted. */
const shardCount = 64;

// Exactly as fine as the look-up of accounts: a text that it takes for another one must not share its count, or a
// lock would tell which of the two has an account.
const canonical = (identifier: string): string => Object.values(parseIdentifier(identifier)).join();

// Names and keys stay readable in the dashboard, so no e-mail address becomes one.
const digestOf = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));

const shardOf = ([first = 0]: Uint8Array): string => `shard|${first % shardCount}`;

const placeOfNetworks = async (networks: Networks, policy: LoginPolicy): Promise<Place> => {
  const [first, ...wider] = networks;
  const counterOf = (network: string): Counter => ({
    key: `network|${network}`,
    limits: networkLimits(policy, network),
    networks: [],
  });
  return {
    shard: shardOf(await digestOf(widestOf(networks))),
    counters: [counterOf(first), ...wider.map(counterOf)],
  };
};

// A login that cannot be counted is refused: else an outage would be the time to guess in.
const unreachable = (cause: unknown): never => {
  throw new AppError('service_unavailable', { retryAfterSeconds: 1, cause });
};

/** One Durable Object call to reserve, one to settle, one for each identifier that is forgiven; one more while an account is locked. */
export const createLoginGuard = (
  namespace: DurableObjectNamespace<LoginGuardObject>,
  policy: LoginPolicy,
): LoginGuard => {
  const kinds = {
    login: identifierLimits(policy),
    // While the count of all networks is locked, each with limits of its own: attempts from networks that the account
    // knows, and those with a live session of it.
    familiar: identifierLimits(policy),
    session: identifierLimits(policy),
    code: codeLimits,
  } satisfies Record<string, LedgerLimits>;

  /** What is counted of one identifier lies in one shard, whatever its kind. */
  const placeOf = async (
    identifier: string,
    networks: readonly string[],
    [kind, ...others]: readonly [keyof typeof kinds, ...(keyof typeof kinds)[]],
  ): Promise<Place> => {
    const digest = await digestOf(canonical(identifier));
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const counterOf = (of: keyof typeof kinds): Counter => ({
      key: `${of}|${hex}`,
      limits: kinds[of],
      networks,
    });
    return { shard: shardOf(digest), counters: [counterOf(kind), ...others.map(counterOf)] };
  };

  /** `instead` says which count to take if the account is locked for all networks; null leaves it locked. */
  const reserve = async (
    kind: keyof typeof kinds,
    identifier: string,
    networks: Networks,
    instead: () => Promise<Standing | null> = async () => null,
  ): Promise<LoginAttempt> => {
    const [subject, ofNetworks] = await Promise.all([
      placeOf(identifier, networks, [kind]),
      placeOfNetworks(networks, policy),
    ]);
    const attempt: Attempt = { subject, networks: ofNetworks };
    const object = namespace.getByName(subject.shard);
    const reply = await object.reserve(attempt).catch(unreachable);
    if (reply.admitted) {
      const { ticket } = reply;
      return { admitted: true, settle: (outcome) => object.settle(attempt, ticket, outcome) };
    }
    const other = reply.lockedEverywhere ? await instead() : null;
    if (other !== null) return reserve(other, identifier, networks);
    return { admitted: false, retryAfterSeconds: Math.max(1, Math.ceil(reply.retryAfterMs / 1000)) };
  };

  return {
    reserve: (account, networks, standing) => reserve('login', account, networks, standing),
    reserveCode: (email, networks) => reserve('code', email, networks),
    forgive: async (identifiers) => {
      const forgiveOne = async (identifier: string) => {
        const { shard, counters } = await placeOf(identifier, [], ['login', 'familiar', 'session', 'code']);
        await namespace.getByName(shard).forgive(counters);
      };
      await Promise.all(identifiers.map(forgiveOne));
    },
  };
};

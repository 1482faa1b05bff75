import type { HashCaller } from './domain/hash-lane.ts';
import type { Networks } from './domain/network.ts';
import type { Permission } from './domain/permissions.ts';

/** What is known of the caller once an access token has been verified. The database has the last word. */
export type Actor = {
  readonly userId: string;
  readonly sessionId: string;
  /** Where the token came from: cookies need the cross-site checks, bearer tokens do not. */
  readonly source: 'bearer' | 'cookie';
  /** When the token stops being good, leeway included. */
  readonly goodUntil: Date;
};

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log; `fields` never carry secrets, and `Secret` values print as `[redacted]`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** The facts of one request, passed explicitly from the route down. */
export type RequestContext = {
  readonly requestId: string;
  /**
   * The present instant, read anew each time: a rule decides by the moment at which it decides. A body that arrives
   * slowly, a queue and another service can all keep a request waiting, and none of them stops the clock.
   */
  readonly now: Date;
  /** Null where the platform gave no client address. */
  readonly ip: string | null;
  /** The address, or the /64 of an IPv6 address; `unknown` is one bucket for all. */
  readonly network: string;
  /** What limits count by: `network`, and the /56 and the /48 around an IPv6 address. */
  readonly networks: Networks;
  readonly userAgent: string | null;
  readonly actor: Actor | null;
  /** What the actor must be allowed for this route, beyond being logged in; the route's own statement checks it. */
  readonly requiredPermission: Permission | null;
  /** Aborted when the request times out; every outgoing call listens to it. */
  readonly signal: AbortSignal;
  /** Begins the time limit anew, for what streams; only so often, as a trickle is no progress. */
  readonly keepAlive: () => void;
  readonly log: Logger;
  /** Lets work go on after the response; a failure is logged and never reaches the client. */
  readonly defer: (name: string, work: Promise<unknown>) => void;
};

/** The same request with other facts. A spread would copy the present instant and stop the clock, so lint refuses it. */
export const withFacts = (ctx: RequestContext, facts: Partial<Omit<RequestContext, 'now'>>): RequestContext =>
  Object.defineProperties(
    {} as RequestContext,
    {
      ...Object.getOwnPropertyDescriptors(ctx),
      ...Object.getOwnPropertyDescriptors(facts),
    } as PropertyDescriptorMap,
  );

/** Argon2id (RFC 9106) behind a bounded queue that is shared fairly. */
export type PasswordHasher = {
  /**
   * For the beginning of a flow: a full queue then costs neither the flow nor the database anything.
   * @returns to be called at the end of a flow behind a session: it gives back the room that no hash has used
   * @throws AppError `overloaded` when the queue has no room for this caller
   */
  readonly refuseIfFull: (caller: HashCaller) => () => void;
  /**
   * Other work that keeps the thread for as long as a hash or longer, in its turn among the hashes.
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly inTurn: <T>(work: () => T, caller: HashCaller) => Promise<T>;
  /**
   * @returns a PHC string under the configured parameters
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly hash: (password: string, caller: HashCaller) => Promise<string>;
  /**
   * Compares in constant time. Null (no such user, or no password) costs the same as a wrong password.
   * @returns `outdated` when the PHC string was made with other than the configured parameters
   * @throws AppError `overloaded` when the queue is full, `timeout` when the signal fired while it waited
   */
  readonly verify: (
    password: string,
    phc: string | null,
    caller: HashCaller,
  ) => Promise<{ valid: boolean; outdated: boolean }>;
};

/**
 * Compares a password with that of what `lookUp` finds, as one attempt that the login guard counts.
 * @throws AppError `login_locked`, `overloaded`, `timeout`, `service_unavailable`, and what `lookUp` throws
 */
export type VerifyPassword = <
  Found extends { readonly userId: string; readonly email: string; readonly passwordHash: string | null },
>(
  ctx: RequestContext,
  identifier: string,
  password: string,
  lookUp: Promise<Found | null>,
) => Promise<
  { readonly valid: true; readonly outdated: boolean; readonly found: Found } | { readonly valid: false }
>;

/** The actor, once the password of the account has been proved too. */
export type ProvenOwner = {
  readonly userId: string;
  readonly email: string;
  readonly username: string | null;
  readonly passwordHash: string;
  /** As it was when the password was read: what is done by its proof may rely on nothing having changed since. */
  readonly updatedAt: Date;
};

/** @throws AppError `session_revoked`, `account_disabled`, `invalid_credentials`, `login_locked`, `overloaded` */
export type ProveOwnPassword = (ctx: RequestContext, password: string) => Promise<ProvenOwner>;

/** Refuses a password that may not be set, with every reason. @throws AppError `weak_password`, `overloaded`, `timeout` */
export type CheckPassword = (
  ctx: RequestContext,
  request: {
    /** Whose turn the judgement takes: it keeps the thread as a hash does. */
    readonly caller: HashCaller;
    readonly password: string;
    readonly email: string;
    readonly username: string | null;
    /** The one it replaces, where that is known in clear. */
    readonly current?: string;
    /** The member of the request body that the reasons point at; `password` unless told. */
    readonly member?: string;
  },
) => Promise<void>;

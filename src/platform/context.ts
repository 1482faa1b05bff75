import type { Networks } from './rules/network.ts';
import type { Permission } from './rules/permissions.ts';

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
  readonly keepAlive: (ms: number) => void;
  readonly log: Logger;
  /** Lets work go on after the response; a failure is logged and never reaches the client. */
  readonly defer: (name: string, work: Promise<unknown>) => void;
};

/** The context of a request with a good access token; the route's own statement decides whether its session lives. */
export type SessionContext = RequestContext & { readonly actor: Actor };

/** The context of a request whose account must hold a permission; the route's own statement checks it. */
export type PermittedContext = SessionContext & { readonly requiredPermission: Permission };

/** The same request with other facts. A spread would copy the present instant and stop the clock, so lint refuses it. */
export const withFacts = <Facts extends Partial<Omit<RequestContext, 'now'>>>(
  ctx: RequestContext,
  facts: Facts,
): RequestContext & Facts =>
  Object.defineProperties(
    {} as RequestContext & Facts,
    {
      ...Object.getOwnPropertyDescriptors(ctx),
      ...Object.getOwnPropertyDescriptors(facts),
    } as PropertyDescriptorMap,
  );

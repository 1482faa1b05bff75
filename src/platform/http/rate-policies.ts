import type { Config } from '../config/schema.ts';
import type { RatePolicy } from '../rules/sliding-window.ts';

/**
 * What a class of routes may use of its own: a share of RATE_LIMIT_MAX in the same window, counted per caller
 * (the person of a live session, else the network) or per network alone, whatever token comes along. Only routes that ask
 * the database for the session may count per caller.
 */
const limits = {
  default: { share: 1, per: 'caller' },
  // Requests that show no session; they share the network's count of the default.
  anybody: { share: 1, per: 'network', bucket: 'default' },
  // Per caller, each account that an address signs up would bring it a fresh allowance for the next ones.
  login: { share: 0.8, per: 'network' },
  signup: { share: 0.6, per: 'network' },
  refresh: { share: 0.8, per: 'network' },
  // There and back; each may ask a provider.
  oauth: { share: 0.8, per: 'network' },
  // Probes come often, and from behind one address.
  readiness: { share: 6, per: 'network' },
  // Each of these may send a mail to somebody who did not ask for it.
  mail: { share: 0.2, per: 'network' },
  reset: { share: 0.6, per: 'network' },
  // Each is hashed, behind a session: a network may have many accounts. the passwords room bounds each of them.
  password: { share: 0.3, per: 'network' },
  // Guessing a token is hopeless, guessing a six-digit code is not.
  verify: { share: 0.6, per: 'network' },
  // Each is looked into, stored and scanned.
  upload: { share: 0.6, per: 'caller' },
  // Bytes are fetched and read, behind a session: a network may have many accounts.
  completion: { share: 0.6, per: 'network' },
  // Its URL is signed; no session is asked for.
  bytes: { share: 0.6, per: 'network', bucket: 'upload' },
  // Of one network, and of a burst of files.
  webhook: { share: 20, per: 'network' },
} as const satisfies Record<string, { share: number; per: RoutePolicy['per']; bucket?: string }>;

export type RateClass = keyof typeof limits;
export type RoutePolicy = RatePolicy & { readonly per: 'caller' | 'network' };

type RatedRoute = { readonly method: string; readonly path: string; readonly rate?: RateClass | 'unlimited' };

/** The policy of a route, by its pattern, because a path has many spellings. A request without a route counts for its network. */
export const createRatePolicies = (
  { max, windowMs }: Config['limits']['rate'],
  routes: readonly RatedRoute[],
) => {
  const classes = new Map<string, RateClass | 'unlimited'>(
    routes.map(({ method, path, rate = 'default' }) => [`${method} ${path}`, rate] as const),
  );

  const policyOf = (name: RateClass): RoutePolicy => {
    const {
      share,
      per,
      bucket = name,
    }: { share: number; per: RoutePolicy['per']; bucket?: string } = limits[name];
    return { name: bucket, windowMs, per, max: Math.max(1, Math.floor(max * share)) };
  };

  return (route: string): RoutePolicy | null => {
    const name = classes.get(route) ?? 'anybody';
    return name === 'unlimited' ? null : policyOf(name);
  };
};

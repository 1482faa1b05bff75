import type { Config } from '../config/schema.ts';
import type { RatePolicy } from '../rules/sliding-window.ts';

/**
 * The limits of the classes of routes: a share of RATE_LIMIT_MAX in the same window. It counts per caller (the person of a
 * live session, otherwise the network) or per network, whatever token the request has. Only routes that check the
 * session in the database may count per caller. `counts`: which requests count; all where it is absent.
 */
const limits = {
  default: { share: 1, per: 'caller' },
  // Requests without a session share the network's count of the default.
  anybody: { share: 1, per: 'network', bucket: 'default' },
  // Per caller, each sign-up would give its network a fresh limit for the next sign-ups.
  login: { share: 0.8, per: 'network' },
  signup: { share: 0.6, per: 'network' },
  refresh: { share: 0.8, per: 'network' },
  // The way to a provider and back; each request may call the provider.
  oauth: { share: 0.8, per: 'network' },
  // A service asks once per request of its own, from one network, so what it is answered is not limited. Guesses at a
  // secret are, and so is every other request that is refused.
  introspection: { share: 0.6, per: 'network', counts: 'refusals' },
  // Probes are frequent and come from one address.
  readiness: { share: 6, per: 'network' },
  // Each request may send a mail to a person who did not ask for it.
  mail: { share: 0.2, per: 'network' },
  reset: { share: 0.6, per: 'network' },
  // Each request costs a hash, behind a session. The passwords room also limits each account.
  password: { share: 0.3, per: 'network' },
  // A token cannot be guessed, but a six-digit code can.
  verify: { share: 0.6, per: 'network' },
  // Each upload is inspected, stored and scanned.
  upload: { share: 0.6, per: 'caller' },
  // Each request reads a whole file, behind a session.
  completion: { share: 0.6, per: 'network' },
  // The URL is signed; it needs no session.
  bytes: { share: 0.6, per: 'network', bucket: 'upload' },
  // All callbacks of a burst of files come from one network.
  webhook: { share: 20, per: 'network' },
} as const satisfies Record<string, Limit>;

export type RateClass = keyof typeof limits;
export type RoutePolicy = RatePolicy & {
  readonly per: 'caller' | 'network';
  readonly counts?: 'refusals';
};
type Limit = Pick<RoutePolicy, 'per' | 'counts'> & { readonly share: number; readonly bucket?: string };

type RatedRoute = { readonly method: string; readonly path: string; readonly rate?: RateClass | 'unlimited' };

/** The policy of a route by its pattern, because a path has many spellings. Requests without a route count too. */
export const createRatePolicies = (
  { max, windowMs }: Config['limits']['rate'],
  routes: readonly RatedRoute[],
) => {
  const classes = new Map<string, RateClass | 'unlimited'>(
    routes.map(({ method, path, rate = 'default' }) => [`${method} ${path}`, rate] as const),
  );

  const policyOf = (name: RateClass): RoutePolicy => {
    const { share, bucket = name, ...limit }: Limit = limits[name];
    return { ...limit, name: bucket, windowMs, max: Math.max(1, Math.floor(max * share)) };
  };

  return (route: string): RoutePolicy | null => {
    const name = classes.get(route) ?? 'anybody';
    return name === 'unlimited' ? null : policyOf(name);
  };
};

import type { Config } from '../config/schema.ts';
import type { RatePolicy } from '../domain/sliding-window.ts';

/** The share of RATE_LIMIT_MAX that a class of routes may use of its own, in the same window. */
const shares = {
  default: 1,
  login: 0.8,
  signup: 0.6,
  refresh: 0.8,
} as const;

export type RateClass = keyof typeof shares;

/** The routes that have tighter limits than the default; `unlimited` ones cost the service next to nothing. */
const classes: Readonly<Record<string, RateClass | 'unlimited'>> = {
  'POST /auth/token': 'login',
  'POST /auth/signup': 'signup',
  'POST /auth/refresh': 'refresh',
  'GET /health': 'unlimited',
  'GET /healthz': 'unlimited',
  'GET /openapi.json': 'unlimited',
  'GET /docs': 'unlimited',
  'GET /docs/errors': 'unlimited',
  'GET /docs/assets/:file': 'unlimited',
  'GET /.well-known/jwks.json': 'unlimited',
};

/** The policy of a route, by its pattern: a path has many spellings. A request without a route has the default. */
export const createRatePolicies = ({ max, windowMs }: Config['limits']['rate']) => {
  const policyOf = (name: RateClass): RatePolicy => ({
    name,
    windowMs,
    max: Math.max(1, Math.floor(max * shares[name])),
  });
  const policies = Object.fromEntries(Object.keys(shares).map((name) => [name, policyOf(name as RateClass)]));

  return (route: string): RatePolicy | null => {
    const name = classes[route] ?? 'default';
    return name === 'unlimited' ? null : (policies[name] ?? null);
  };
};

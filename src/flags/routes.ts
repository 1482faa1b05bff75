import type { Flags } from '../platform/config/feature-flags.ts';
import { route } from '../platform/http/route.ts';
import { FeatureFlags } from './schema.ts';

export const flagRoutes = (flags: Flags) => [
  route(
    {
      method: 'GET',
      path: '/flags',
      summary: 'Read the feature flags',
      tag: 'service',
      access: 'anyone',
      rate: 'unlimited',
      answers: { 200: { description: 'Every flag, on or off', schema: FeatureFlags } },
      errors: [],
    },
    (c) => {
      c.header('Cache-Control', 'public, max-age=60');
      return c.json(flags, 200);
    },
  ),
];

import * as z from 'zod';
import { type Flags, featureFlags } from '../platform/config/feature-flags.ts';
import { route } from '../platform/http/route.ts';

const FeatureFlags = z.object(
  Object.fromEntries(
    Object.entries(featureFlags).map(([name, { description }]) => [name, z.boolean().meta({ description })]),
  ),
);

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
      budget: { trips: 0, objects: 0 },
    },
    (c) => {
      c.header('Cache-Control', 'public, max-age=60');
      return c.json(flags, 200);
    },
  ),
];

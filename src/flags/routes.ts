import * as z from 'zod';
import { type Flags, featureFlags } from '../platform/config/feature-flags.ts';
import { publicDocument, route } from '../platform/http/route.ts';

const FeatureFlags = z.object(
  Object.fromEntries(
    Object.entries(featureFlags).map(([name, { description }]) => [name, z.boolean().meta({ description })]),
  ),
);

export const flagRoutes = (flags: Flags) => [
  route(
    {
      ...publicDocument,
      path: '/flags',
      summary: 'Read the feature flags',
      description:
        'They are the same for everybody and change only with a deployment. Frontends read them once to show or hide features.',
      answers: { 200: { description: 'Every flag, on or off', schema: FeatureFlags } },
    },
    (c) => {
      c.header('Cache-Control', 'public, max-age=60');
      return c.json(flags, 200);
    },
  ),
];

import * as z from 'zod';
import { featureFlags } from '../platform/config/feature-flags.ts';

export const FeatureFlags = z.object(
  Object.fromEntries(
    Object.entries(featureFlags).map(([name, { description }]) => [name, z.boolean().meta({ description })]),
  ),
);

import * as z from 'zod';

export const Health = z.object({ status: z.literal('ok') });

export const Readiness = z.object({
  status: z.enum(['ok', 'degraded', 'unavailable']).meta({
    description: 'degraded: uploads lack their storage or their scanner, and everything else goes on',
  }),
  version: z.string().meta({ description: 'of the deployment that answers' }),
  checks: z.record(z.string(), z.enum(['ok', 'failing'])).meta({
    description:
      'config, database, migrations, durable_objects, hasher; where files are taken, storage and scanner',
  }),
  dead_letters: z
    .object({ uploads: z.int().nullable() })
    .meta({ description: 'what was given up in the last day; it makes nothing unready' }),
});

import * as z from 'zod';

export const Health = z.object({ status: z.literal('ok') });

export const Readiness = z.object({
  status: z.enum(['ok', 'unavailable']),
  checks: z.record(z.string(), z.enum(['ok', 'failing'])),
  dead_letters: z
    .object({ uploads: z.int().nullable() })
    .meta({ description: 'what was given up in the last day; it makes nothing unready' }),
});

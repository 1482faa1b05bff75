import * as z from 'zod';
import { Id, Instant, text } from '../platform/schema/text.ts';
import type { LinkedIdentity } from './rules/identity.ts';

export const ProviderParams = z.strictObject({ provider: text().max(64) });

export const StartSignOnQuery = z.strictObject({
  return_to: text()
    .max(1024, 'at most 1024 characters')
    .optional()
    .meta({
      description: 'where to go on: a path of this service, or an URL at APP_URL or an allowed origin',
      examples: ['/account'],
    }),
});

/** What a provider sends along is its own business: whatever else there is, is not looked at. */
export const SignOnAnswerQuery = z.object({
  code: z.string().optional(),
  state: z.string().optional(),
  iss: z.string().optional(),
  error: z.string().optional(),
});

export const IdentityParams = z.strictObject({ id: Id });

export const IdentityItem = z
  .object({
    id: Id,
    name: z.string().meta({ description: 'the provider, as people call it' }),
    issuer: z.string(),
    created_at: Instant,
    last_used_at: Instant,
  })
  .meta({ id: 'Identity' });

/** As every list is; they are few, and all on one page. */
export const IdentityList = z.object({ items: z.array(IdentityItem), next_cursor: z.null() });

export const identityResponse = ({
  id,
  name,
  issuer,
  createdAt,
  lastUsedAt,
}: LinkedIdentity & { readonly name: string }): z.infer<typeof IdentityItem> => ({
  id,
  name,
  issuer,
  created_at: createdAt.toISOString(),
  last_used_at: lastUsedAt.toISOString(),
});

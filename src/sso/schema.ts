import * as z from 'zod';
import { canonicalName } from '../platform/rules/typed-text.ts';
import { Id, Instant, text } from '../platform/schema/text.ts';
import type { NamedIdentity } from './rules.ts';

export const ProviderParams = z.strictObject({ provider: text().overwrite(canonicalName).max(64) });

/** People follow it as a link, to which others add parameters of their own; they are ignored. */
export const SsoStartQuery = z.object({
  return_to: text()
    .max(1024, 'at most 1024 characters')
    .optional()
    .meta({
      description:
        'the address after the login: a path of this service, or a URL at APP_URL or an allowed origin',
      examples: ['/account'],
    }),
});

/** A provider may send further parameters; they are ignored. */
export const SsoAnswerQuery = z.object({
  code: z.string().optional(),
  state: z.string().optional(),
  iss: z.string().optional(),
  error: z.string().optional(),
});

export const IdentityParams = z.strictObject({ id: Id });

export const IdentityItem = z
  .object({
    id: Id,
    name: z.string().meta({ description: 'the name of the provider' }),
    issuer: z.string(),
    created_at: Instant,
    last_used_at: Instant,
  })
  .meta({ id: 'Identity' });

/** The form of every list. Identities are few, so one page holds them all. */
export const IdentityList = z.object({ items: z.array(IdentityItem), next_cursor: z.null() });

export const identityResponse = ({
  id,
  name,
  issuer,
  createdAt,
  lastUsedAt,
}: NamedIdentity): z.infer<typeof IdentityItem> => ({
  id,
  name,
  issuer,
  created_at: createdAt.toISOString(),
  last_used_at: lastUsedAt.toISOString(),
});

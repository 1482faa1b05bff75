import * as z from 'zod';
import { text } from '../platform/schema/text.ts';

/** RFC 7662 section 2.1; the credentials of the client may stand beside the token (RFC 6749 section 2.3.1). */
export const IntrospectForm = z.object({
  token: text().min(1, 'must not be empty').max(8192, 'at most 8192 characters'),
  token_type_hint: text().max(64, 'at most 64 characters').optional().meta({ description: 'is ignored' }),
  client_id: text().max(64, 'at most 64 characters').optional(),
  client_secret: text().max(256, 'at most 256 characters').optional(),
});

/** RFC 7662 section 2.2. All members but `active` are there only if it is true. */
export const IntrospectionResponse = z
  .object({
    active: z.boolean().meta({
      description: 'whether the token is good, is meant for you, and its session lives',
    }),
    sub: z.string().optional().meta({ description: 'the id of the account, which never changes' }),
    sid: z.string().optional().meta({ description: 'the id of the session' }),
    username: z.string().optional().meta({ description: 'only if the account has one' }),
    email: z.string().optional().meta({ description: 'only if the account has proved the address' }),
    roles: z.array(z.string()).optional().meta({ description: 'those of now, not those of the token' }),
    permissions: z.array(z.string()).optional().meta({
      description: 'those in force: none while the account has to choose another password',
    }),
    aud: z.string().optional(),
    iss: z.string().optional(),
    iat: z.int().optional().meta({ description: 'seconds since 1970' }),
    exp: z.int().optional().meta({ description: 'seconds since 1970' }),
    jti: z.string().optional(),
    token_type: z.literal('Bearer').optional(),
  })
  .meta({ id: 'Introspection' });

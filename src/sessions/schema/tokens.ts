import * as z from 'zod';
import { User } from '../../accounts/schema/users.ts';
import { Email, Instant, Password, text, Username } from '../../platform/schema/text.ts';

const scope = text()
  .max(256)
  .default('')
  .meta({ examples: ['offline_access'] });

/** Where Turnstile is off, its token is taken and ignored, so that a frontend may send it before the key is set. */
export const SignupBody = z.strictObject({
  email: Email,
  password: Password,
  username: Username.optional(),
  scope,
  turnstile_token: text()
    .max(2048, 'at most 2048 characters')
    .optional()
    .meta({ description: 'required where the service has Turnstile on' }),
});

const identifier = text().min(1, 'must not be empty').max(254, 'at most 254 characters');

const identifierMembers = ['identifier', 'email', 'username'] as const;

/** One of `identifier`, `email` and `username` says who logs in; each takes an e-mail address or a user name. */
export const LoginBody = z
  .strictObject({
    identifier: identifier.optional(),
    email: identifier.optional(),
    username: identifier.optional(),
    password: Password,
    scope,
  })
  .refine((body) => identifierMembers.filter((member) => body[member] !== undefined).length === 1, {
    message: 'exactly one of identifier, email and username',
    path: ['identifier'],
    params: { code: 'required' },
  })
  .transform(({ identifier, email, username, password, scope }) => ({
    identifier: identifier ?? email ?? username ?? '',
    password,
    scope,
  }));

/** RFC 6749 sections 4.3.2 and 6; parameters that are not known are ignored, as section 3.2 asks. */
export const TokenForm = z.discriminatedUnion(
  'grant_type',
  [
    z.object({ grant_type: z.literal('password'), username: identifier, password: Password, scope }),
    z.object({
      grant_type: z.literal('refresh_token'),
      refresh_token: text().min(1, 'must not be empty').max(1024, 'at most 1024 characters'),
    }),
  ],
  { error: 'password or refresh_token' },
);

export const RefreshBody = z.strictObject({
  refresh_token: text().min(1, 'must not be empty').max(1024, 'at most 1024 characters').optional(),
});

export const RevokeForm = z.object({
  token: text().min(1, 'must not be empty').max(8192, 'at most 8192 characters'),
  token_type_hint: text().max(64, 'at most 64 characters').optional(),
});

export const LogoutQuery = z.strictObject({ scope: z.enum(['local', 'others', 'global']).default('local') });

export const TokenResponse = z
  .object({
    access_token: z.string(),
    token_type: z.literal('bearer'),
    expires_in: z.int().meta({ description: 'seconds' }),
    expires_at: Instant,
    refresh_token: z.string().optional().meta({ description: 'only where the scope is offline_access' }),
    scope: z.string(),
    must_change_password: z.boolean(),
    user: User,
  })
  .meta({ id: 'TokenResponse' });
export type TokenResponse = z.infer<typeof TokenResponse>;

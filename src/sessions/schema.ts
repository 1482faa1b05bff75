import * as z from 'zod';
import { loginNameOf } from '../accounts/rules/account.ts';
import { turnstileToken } from '../accounts/schema/credentials.ts';
import { User } from '../accounts/schema/users.ts';
import { Email, Id, Instant, Password, pasted, text, Username } from '../platform/schema/text.ts';
import { offlineAccess, type SessionSummary } from './rules/session.ts';

const scope = text()
  .max(256)
  .default('')
  .meta({ examples: ['offline_access'] });

export const SignupBody = z.strictObject({
  email: Email,
  password: Password,
  username: Username.optional(),
  scope,
  turnstile_token: turnstileToken(
    'where the service has Turnstile on, unless TURNSTILE_ROUTES leaves `signup` out',
  ),
});

const loginToken = turnstileToken('after failed logins, where TURNSTILE_ROUTES has `login`');

const identifier = pasted().min(1, 'must not be empty').max(254, 'at most 254 characters');

const identifierMembers = ['identifier', 'email', 'username'] as const;

/** One of `identifier`, `email` and `username` names the account; each takes an e-mail address or a user name. */
export const LoginBody = z
  .strictObject({
    identifier: identifier.optional(),
    email: identifier.optional(),
    username: identifier.optional(),
    password: Password,
    scope,
    turnstile_token: loginToken,
  })
  .refine((body) => identifierMembers.filter((member) => body[member] !== undefined).length === 1, {
    message: 'exactly one of identifier, email and username',
    path: ['identifier'],
    params: { code: 'required' },
  })
  .transform(({ identifier, email, username, password, scope, turnstile_token = null }) => ({
    identifier: loginNameOf(identifier ?? email ?? username ?? ''),
    password,
    scope,
    turnstileToken: turnstile_token,
  }));

/** RFC 6749 sections 4.3.2 and 6; unknown parameters are ignored, as section 3.2 requires. */
export const TokenForm = z.discriminatedUnion(
  'grant_type',
  [
    z.object({
      grant_type: z.literal('password'),
      username: identifier.transform(loginNameOf),
      password: Password,
      scope,
      turnstile_token: loginToken,
    }),
    z.object({
      grant_type: z.literal('refresh_token'),
      refresh_token: pasted().min(1, 'must not be empty').max(1024, 'at most 1024 characters'),
    }),
  ],
  { error: 'password or refresh_token' },
);

export const RefreshBody = z.strictObject({
  refresh_token: pasted().min(1, 'must not be empty').max(1024, 'at most 1024 characters').optional(),
});

export const RevokeForm = z.object({
  token: pasted().min(1, 'must not be empty').max(8192, 'at most 8192 characters'),
  token_type_hint: text().max(64, 'at most 64 characters').optional(),
});

/** `scope` may stand in the query or in the body; what the caller wants to end is never guessed. */
export const LogoutQuery = z.strictObject({
  scope: z.enum(['local', 'others', 'global']).optional().meta({ description: '`local` where it is absent' }),
});
export const LogoutBody = LogoutQuery;

export const TokenResponse = z
  .object({
    access_token: z.string(),
    token_type: z.literal('bearer'),
    expires_in: z.int().meta({ description: 'seconds' }),
    expires_at: Instant.optional().meta({ description: 'not in the answer to a form of OAuth 2' }),
    refresh_token: z.string().optional().meta({ description: 'only where the scope is offline_access' }),
    scope: z.string(),
    must_change_password: z.boolean(),
    user: User,
  })
  .meta({ id: 'TokenResponse' });
export type TokenResponse = z.infer<typeof TokenResponse>;

export const SessionParams = z.strictObject({ id: Id });

export const SessionItem = z
  .object({
    id: Id,
    created_at: Instant,
    last_used_at: Instant.meta({ description: 'the login or the last refresh' }),
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
    current: z.boolean(),
  })
  .meta({ id: 'Session' });

export const SessionList = z.object({ items: z.array(SessionItem), next_cursor: Id.nullable() });

export const sessionResponse = (session: SessionSummary): z.infer<typeof SessionItem> => ({
  id: session.id,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  ip: session.ip,
  user_agent: session.userAgent,
  current: session.current,
});

/** The metadata of an authorization server (RFC 8414 section 2). */
export const ServerMetadata = z
  .object({
    issuer: z.string(),
    token_endpoint: z.string(),
    revocation_endpoint: z.string(),
    jwks_uri: z.string().optional().meta({
      description: 'absent where there is no public key: tokens are signed with HS256, HS384 or HS512',
    }),
    scopes_supported: z.array(z.string()),
    response_types_supported: z
      .array(z.string())
      .meta({ description: 'empty: no grant has an authorization page' }),
    grant_types_supported: z.array(z.string()),
    token_endpoint_auth_methods_supported: z
      .array(z.string())
      .meta({ description: 'none: clients have no secrets' }),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    service_documentation: z.string(),
  })
  .meta({ id: 'ServerMetadata' });

const publicClients = ['none'];

/** What the service offers to OAuth 2 clients that know it as `issuer`, an origin. */
export const serverMetadata = (
  issuer: string,
  { hasPublicKeys }: { readonly hasPublicKeys: boolean },
): z.infer<typeof ServerMetadata> => ({
  issuer,
  token_endpoint: `${issuer}/auth/token`,
  revocation_endpoint: `${issuer}/auth/revoke`,
  ...(hasPublicKeys && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
  scopes_supported: [offlineAccess],
  response_types_supported: [],
  grant_types_supported: TokenForm.options.map(({ shape }) => shape.grant_type.value),
  token_endpoint_auth_methods_supported: publicClients,
  revocation_endpoint_auth_methods_supported: publicClients,
  service_documentation: `${issuer}/docs`,
});

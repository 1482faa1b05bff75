import * as z from 'zod';
import { Secret } from './secret.ts';
import { parsePlainUrl, value } from './values.ts';

/**
 * How the secret is sent to the token endpoint, by the names of OpenID Connect Core 1.0 section 9. `client_secret_basic_raw`
 * is our own: Basic without the percent-encoding of RFC 6749 section 2.3.1, for providers that do not decode it.
 */
const authMethods = ['client_secret_basic', 'client_secret_post', 'client_secret_basic_raw'] as const;

export type OidcProviderConfig = {
  /** Part of the sign-in URL. */
  readonly id: string;
  /** The name that people see. */
  readonly name: string;
  /** Exactly as the provider's ID tokens spell it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Null: one that the discovery document names. */
  readonly authMethod: (typeof authMethods)[number] | null;
  readonly scopes: readonly string[];
};

const rules = {
  id: 'must be 1 to 32 of a-z, 0-9 and -',
  name: 'must be text of at most 64 characters, without line breaks',
  issuer: 'must be an http or https URL without credentials, query or fragment',
  client_id: 'must be text',
  client_secret: 'must be text',
  token_endpoint_auth_method: `must be one of ${authMethods.join(', ')}`,
  scopes: 'must be a list of scopes, openid among them',
} as const;

const Scopes = z
  .union([z.string().transform((text) => text.split(/[\s,]+/)), z.array(z.string())])
  .refine(
    (scopes) =>
      scopes.includes('openid') && scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)),
  );

const Provider = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,32}$/),
  name: z
    .string()
    .trim()
    .regex(/^\P{Cc}{1,64}$/u)
    .optional(),
  // OpenID Connect Discovery 1.0 section 3: a URL without query or fragment.
  issuer: z.string().refine(parsePlainUrl),
  client_id: z.string().trim().min(1),
  client_secret: z.string().trim().min(1),
  token_endpoint_auth_method: z.enum(authMethods).nullable().default(null),
  scopes: Scopes.default(['openid', 'email', 'profile']),
});

const parseJson = (given: string): unknown => {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
};

const describe = ({ path: [index, member] }: z.core.$ZodIssue): string => {
  if (typeof index !== 'number') return 'must be a JSON list of objects';
  const rule = Object.entries(rules).find(([name]) => name === member);
  return rule
    ? `entry ${index + 1}: ${rule.join(' ')}`
    : `entry ${index + 1} must be an object of ${Object.keys(rules).join(', ')} and nothing else`;
};

export const oidcProviders = value((given, fail): readonly OidcProviderConfig[] | undefined => {
  const parsed = z.array(Provider).safeParse(parseJson(given));
  if (!parsed.success) {
    for (const detail of new Set(parsed.error.issues.map(describe))) fail(detail);
    return undefined;
  }
  const ids = parsed.data.map(({ id }) => id);
  if (new Set(ids).size < ids.length) return fail('must not have two entries of one id');
  return parsed.data.map(({ id, name = id, issuer, scopes, ...client }) => ({
    id,
    name,
    issuer,
    clientId: client.client_id,
    clientSecret: new Secret(client.client_secret),
    authMethod: client.token_endpoint_auth_method,
    scopes,
  }));
});

import * as z from 'zod';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { parsePlainUrl, value } from './values.ts';

export type OidcProviderConfig = {
  /** Part of the sign-in URL. */
  readonly id: string;
  /** Exactly as the provider's ID tokens spell it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scopes: readonly string[];
};

export type OidcConfig = {
  readonly providers: readonly OidcProviderConfig[];
  readonly github: { readonly clientId: string; readonly clientSecret: Secret } | null;
};

const defaultScopes = ['openid', 'email', 'profile'];

const rules = {
  id: 'must be 1 to 32 of a-z, 0-9 and -',
  issuer: 'must be an http or https URL without credentials, query or fragment',
  client_id: 'must be text',
  client_secret: 'must be text',
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
  // OpenID Connect Discovery 1.0 section 3: a URL without query or fragment.
  issuer: z.string().refine(parsePlainUrl),
  client_id: z.string().trim().min(1),
  client_secret: z.string().trim().min(1),
  scopes: Scopes.default(defaultScopes),
});

const parseJson = (given: string): unknown => {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
};

/** Our own sentence for an issue: the one of zod can quote what was given. */
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
  return parsed.data.map(({ id, issuer, client_id, client_secret, scopes }) => ({
    id,
    issuer,
    clientId: client_id,
    clientSecret: new Secret(client_secret),
    scopes,
  }));
});

export const readSingleSignOn = (settings: Settings, { strict, problem }: Scope): OidcConfig => {
  const {
    OIDC_PROVIDERS: providers,
    GITHUB_CLIENT_ID: clientId,
    GITHUB_CLIENT_SECRET: clientSecret,
  } = settings;
  for (const [index, { issuer }] of providers.entries()) {
    if (strict && !/^https:/i.test(issuer))
      problem('OIDC_PROVIDERS', `entry ${index + 1}: issuer must be an https URL`);
  }

  if (clientId && !clientSecret) problem('GITHUB_CLIENT_SECRET', 'is required with GITHUB_CLIENT_ID');
  if (!clientId && clientSecret) problem('GITHUB_CLIENT_ID', 'is required with GITHUB_CLIENT_SECRET');
  if (clientId && providers.some(({ id }) => id === 'github')) {
    problem('OIDC_PROVIDERS', 'must not use the id github, which GITHUB_CLIENT_ID takes');
  }
  return { providers, github: clientId && clientSecret ? { clientId, clientSecret } : null };
};

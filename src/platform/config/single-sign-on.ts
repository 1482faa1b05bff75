import * as z from 'zod';
import { ownOrigin } from './origins.ts';
import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { parsePlainUrl, value } from './values.ts';

export type OidcProviderConfig = {
  /** Part of the sign-in URL. */
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  /** Exactly as the provider's ID tokens spell it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  readonly scopes: readonly string[];
};

export type OidcConfig = {
  /** Where providers send people back to. */
  readonly apiOrigin: string;
  readonly providers: readonly OidcProviderConfig[];
  readonly github: { readonly clientId: string; readonly clientSecret: Secret } | null;
};

const defaultScopes = ['openid', 'email', 'profile'];

const rules = {
  id: 'must be 1 to 32 of a-z, 0-9 and -',
  name: 'must be text of at most 64 characters, without line breaks',
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
  name: z
    .string()
    .trim()
    .regex(/^\P{Cc}{1,64}$/u)
    .optional(),
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
  return parsed.data.map(({ id, name = id, issuer, client_id, client_secret, scopes }) => ({
    id,
    name,
    issuer,
    clientId: client_id,
    clientSecret: new Secret(client_secret),
    scopes,
  }));
});

/** Providers send people back to the API itself, and a login there sets cookies. */
const checkTheWayBack = (settings: Settings, { strict, given, problem, warning }: Scope): void => {
  const { API_URL: api, JWT_TOKEN_LOCATION: locations } = settings;
  if (strict && api === undefined)
    problem('API_URL', 'is required with single sign-on: providers send people back there');
  if (strict && api?.startsWith('http:')) problem('API_URL', 'must be an https origin');
  if (locations.includes('cookies')) return;
  for (const variable of ['OIDC_PROVIDERS', 'GITHUB_CLIENT_ID'] as const) {
    if (given.has(variable))
      warning(variable, 'has no effect: single sign-on logs in by cookies, and JWT_TOKEN_LOCATION has none');
  }
};

export const readSingleSignOn = (settings: Settings, scope: Scope): OidcConfig => {
  const { strict, problem } = scope;
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
  const github = clientId && clientSecret ? { clientId, clientSecret } : null;
  if (providers.length > 0 || github) checkTheWayBack(settings, scope);
  return { apiOrigin: settings.API_URL ?? (strict ? '' : ownOrigin(settings)), providers, github };
};

import { generateRandomState } from 'oauth4webapi';
import type { PrepareToken } from '../emails/rules.ts';
import type { MailQueue } from '../mail/rules/outbox.ts';
import type { Config } from '../platform/config/schema.ts';
import type { Secret } from '../platform/config/secret.ts';
import type { Database } from '../platform/db/client.ts';
import type { Sources } from '../platform/sources.ts';
import type { Telemetry } from '../platform/telemetry/create-telemetry.ts';
import type { IssueTokens, SessionPolicy } from '../sessions/rules/session.ts';
import type { Gate } from '../sessions/sql/gate.ts';
import { createGithubProvider } from './providers/github.ts';
import { createOidcProvider } from './providers/oidc.ts';
import { createProviderFetch } from './providers/provider-fetch.ts';
import type { IdentityProvider } from './rules/identity.ts';
import { createSealedAttempts } from './sealed-attempts.ts';
import { createFinishSignOn } from './service/finish.ts';
import { createListIdentities } from './service/list.ts';
import { createStartSignOn } from './service/start.ts';
import { createUnlinkIdentity } from './service/unlink.ts';
import { createIdentityRepository } from './sql/identities.ts';

type Parts = Pick<Sources, 'newId'> & {
  readonly db: Database;
  readonly gate: Gate;
  readonly secretKeys: readonly Secret[];
  readonly telemetry: Telemetry;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
};

/** All that a provider may take of one request, which has more to do. */
const providerTimeoutMs = 6_000;

const createProviders = (
  { apiOrigin, providers, github }: Config['oidc'],
  outgoing: typeof fetch,
): readonly IdentityProvider[] => {
  const common = { fetch: createProviderFetch(outgoing), timeoutMs: providerTimeoutMs };
  const redirectUriOf = (id: string) => `${apiOrigin}/auth/oauth/${id}/callback`;
  return [
    ...providers.map((provider) =>
      createOidcProvider({ ...common, provider, redirectUri: redirectUriOf(provider.id) }),
    ),
    ...(github
      ? [createGithubProvider({ ...common, app: github, redirectUri: redirectUriOf('github') })]
      : []),
  ];
};

/** Logging in by providers, and what an account has of them. */
export const createSingleSignOn = (
  { oidc, origins, email }: Pick<Config, 'oidc' | 'origins' | 'email'>,
  { db, gate, secretKeys, telemetry, ...parts }: Parts,
) => {
  const { metrics, instruments } = telemetry;
  const { verification } = email;
  const attempts = createSealedAttempts(secretKeys);
  const identities = createIdentityRepository(db, {
    newId: parts.newId,
    gate,
    verifiedOnly: verification === 'required',
  });
  const known = createProviders(oidc, instruments.outgoing);
  const providers = new Map(known.map((provider) => [provider.id, provider]));
  return {
    start: createStartSignOn({
      providers,
      seal: attempts.seal,
      newSecret: generateRandomState,
      returnPolicy: {
        origins: new Set([oidc.apiOrigin, new URL(origins.appUrl).origin, ...origins.allowed]),
        base: oidc.apiOrigin,
      },
      home: '/account',
      metrics,
    }),
    finish: createFinishSignOn({
      providers,
      openAttempt: attempts.open,
      identities,
      verification,
      metrics,
      ...parts,
    }),
    list: createListIdentities({
      identities,
      names: new Map(known.map(({ issuer, name }) => [issuer, name])),
    }),
    unlink: createUnlinkIdentity({ identities }),
    /** The ways to log in beside a password, for pages to offer; each starts at the origin that it comes back to. */
    offers: known.map(({ id, name }) => ({ name, url: `${oidc.apiOrigin}/auth/oauth/${id}` })),
  };
};

import { once } from 'node:events';
import Provider from 'oidc-provider';
import { findFreePort } from '../../../scripts/stack/service-process.ts';

export type OidcServer = {
  readonly issuer: string;
  readonly client: { readonly client_id: string; readonly client_secret: string };
  readonly stop: () => Promise<void>;
};

type Options = {
  readonly redirectUris: readonly string[];
  readonly claimsInIdToken?: boolean;
  /** As the issuer has it: to a browser, `localhost` and `127.0.0.1` are two sites. */
  readonly hostname?: 'localhost' | '127.0.0.1';
};

/**
 * A certified OpenID provider. A person who names an address in its form is its owner, and it vouches for the address
 * unless that begins with `unverified`.
 */
export const startOidcServer = async ({
  redirectUris,
  claimsInIdToken = false,
  hostname = '127.0.0.1',
}: Options): Promise<OidcServer> => {
  const port = await findFreePort();
  const issuer = `http://${hostname}:${port}`;
  const client = { client_id: 'itsor', client_secret: 'a secret of the client & its "signs"' };
  const provider = new Provider(issuer, {
    clients: [{ ...client, redirect_uris: redirectUris, response_types: ['code'] }],
    claims: { email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: !claimsInIdToken,
    pkce: { required: () => true },
    findAccount: (_: unknown, login: string) => ({
      accountId: login,
      claims: () => ({ sub: login, email: login, email_verified: !login.startsWith('unverified') }),
    }),
  });
  const server = await new Promise<ReturnType<typeof provider.listen>>((resolve) => {
    const listening = provider.listen(port, '127.0.0.1', () => resolve(listening));
  });
  return {
    issuer,
    client,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

import type { Client } from './client.ts';

export const orders = 'https://orders.example';
export const billing = 'https://billing.example/api';

/** The secrets of two services, as `npm run introspection:client` makes them. */
export const secrets = {
  orders: 'nPVF8GhBvvT361L0DMKrLSZ6fSWTxuUk_6AP6hcOTmw',
  billing: 'k2Jc0bW3l0m2bq5mJ0uB3m0T3rV5o6Yy7Xz8Aa9Bb0Q',
} as const;
export type Service = keyof typeof secrets;

const hashOf = async (secret: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret));
  return new Uint8Array(digest).toBase64({ alphabet: 'base64url', omitPadding: true });
};

/** Two services with an audience each. */
export const withServices = {
  JWT_AUDIENCES: `${orders},${billing}`,
  INTROSPECTION_CLIENTS: [
    `orders=sha256:${await hashOf(secrets.orders)}@${orders}`,
    `billing=sha256:${await hashOf(secrets.billing)}@${billing}`,
  ].join('\n'),
};

export const basic = (id: string, secret: string): { Authorization: string } => ({
  Authorization: `Basic ${btoa(`${id}:${secret}`)}`,
});

/** Asks about a token in the name of a service. */
export const introspect = (
  client: Client,
  token: string,
  service: Service = 'orders',
  headers: Record<string, string> = basic(service, secrets[service]),
): Promise<Response> => client('POST', '/auth/introspect', { form: { token }, headers });

/** Logs in with the access token for a service. */
export const tokensFor = async (client: Client, audience: string, email: string, password: string) => {
  const form = { grant_type: 'password', username: email, password, scope: 'offline_access' };
  const response = await client('POST', '/auth/token', { form: { ...form, resource: audience } });
  if (response.status !== 200) throw new Error(`the login failed: ${await response.text()}`);
  return response.json<{ access_token: string; refresh_token: string }>();
};

/** The claims of an access token. */
export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(
    new TextDecoder().decode(Uint8Array.fromBase64(token.split('.')[1] ?? '', { alphabet: 'base64url' })),
  );

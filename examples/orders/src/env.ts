import type { AuthService, AuthVariables, OnlineAuth } from '@itsor/hono-auth';

export type OrdersEnv = {
  /** The service binding of wrangler.toml. */
  Bindings: { readonly AUTH: AuthService };
  Variables: AuthVariables<OnlineAuth>;
};

/** Where the browser keeps the access token. */
export const sessionCookie = 'orders_session';

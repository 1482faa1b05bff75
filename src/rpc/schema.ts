import type * as z from 'zod';
import type { SignupAccepted } from '../accounts/schema/credentials.ts';
import type { User } from '../accounts/schema/users.ts';
import type { FieldError } from '../platform/errors.ts';
import type { TokenResponse } from '../sessions/schema.ts';

/** The person on whose behalf a Worker calls: behind a service binding, Cloudflare does not name their address. */
export type Client = {
  /** `CF-Connecting-IP` of the request that the person sent; limits count by it. */
  readonly address: string | null;
  readonly userAgent: string | null;
};

/** Why a call did nothing, as the HTTP API says it (RFC 9457). */
export type Refused = {
  readonly ok: false;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
};

export type Verified = {
  readonly ok: true;
  /** The account, as `GET /auth/me` shows it. */
  readonly user: z.infer<typeof User>;
  readonly session: { readonly id: string };
  /** What the account may do now: nothing while it has to choose another password. */
  readonly permissions: readonly string[];
};

export type LoggedIn = { readonly ok: true; readonly tokens: TokenResponse };
export type SignedUp = LoggedIn | { readonly ok: true; readonly accepted: z.infer<typeof SignupAccepted> };

export type Login = {
  /** An e-mail address or a user name. */
  readonly identifier: string;
  readonly password: string;
  readonly turnstileToken?: string;
};
export type SignUp = {
  readonly email: string;
  readonly password: string;
  readonly username?: string;
  readonly turnstileToken?: string;
};

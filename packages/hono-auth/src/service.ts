/** The account, as `GET /auth/me` shows it. */
export type User = {
  readonly id: string;
  readonly email: string;
  readonly username: string | null;
  readonly email_verified: boolean;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly created_at: string;
  readonly password_changed_at: string | null;
  readonly must_change_password: boolean;
};

export type FieldError = { readonly pointer: string; readonly code: string; readonly detail: string };

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
  readonly user: User;
  readonly session: { readonly id: string };
  /** What the account may do now: nothing while it has to choose another password. */
  readonly permissions: readonly string[];
};

export type Tokens = {
  readonly access_token: string;
  readonly expires_in: number;
  readonly expires_at?: string | undefined;
  readonly refresh_token?: string | undefined;
  readonly must_change_password: boolean;
  readonly user: User;
};

export type LoggedIn = { readonly ok: true; readonly tokens: Tokens };
export type SignedUp = LoggedIn | { readonly ok: true; readonly accepted: unknown };

/** The person on whose behalf a Worker calls. */
export type Client = {
  /** `CF-Connecting-IP` of the request that the person sent. Limits of Itsor count by it. */
  readonly address: string | null;
  readonly userAgent: string | null;
};

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

/** Which sessions a logout ends: this one, the account's other ones, or all. */
export type LogoutScope = 'local' | 'others' | 'global';

/**
 * What a service binding to the entrypoint `AuthService` of Itsor offers. Itsor answers every call; a call throws only
 * when the Worker of Itsor cannot be reached.
 */
export interface AuthService {
  verify(
    token: string,
    options?: { readonly audience?: string; readonly permission?: string },
  ): Promise<Verified | Refused>;
  login(login: Login, client: Client): Promise<LoggedIn | Refused>;
  signup(signUp: SignUp, client: Client): Promise<SignedUp | Refused>;
  refresh(refreshToken: string, client: Client): Promise<LoggedIn | Refused>;
  logout(accessToken: string, client: Client, scope?: LogoutScope): Promise<{ readonly ok: true } | Refused>;
}

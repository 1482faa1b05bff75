import { type CookiesConfig, readCookies } from './cookies.ts';
import { type DatabaseConfig, readDatabase } from './database.ts';
import { type EmailConfig, readEmail } from './email.ts';
import type { EnvironmentConfig } from './environment.ts';
import type { Flags } from './feature-flags.ts';
import { type JwtConfig, readJwt } from './jwt.ts';
import { type LimitsConfig, readLimits } from './limits.ts';
import {
  type LogConfig,
  type MetricsConfig,
  readLog,
  readMetrics,
  readTracing,
  type TracingConfig,
} from './observability.ts';
import { type OriginsConfig, readOrigins } from './origins.ts';
import { type PasswordConfig, readPassword } from './password.ts';
import { type Retention, readRetention } from './retention.ts';
import type { Scope } from './scope.ts';
import { readSession, type SessionConfig } from './session.ts';
import type { Settings } from './settings.ts';
import { type OidcConfig, readSingleSignOn } from './single-sign-on.ts';
import { readTurnstile, type TurnstileConfig } from './turnstile.ts';
import { readUploads, type UploadsConfig } from './uploads.ts';

/** What the Worker runs with: complete, checked and frozen. Everything else is given parts of it. */
export type Config = {
  readonly environment: EnvironmentConfig;
  readonly origins: OriginsConfig;
  readonly database: DatabaseConfig;
  readonly jwt: JwtConfig;
  readonly session: SessionConfig;
  readonly cookies: CookiesConfig;
  readonly limits: LimitsConfig;
  readonly password: PasswordConfig;
  readonly email: EmailConfig;
  readonly uploads: UploadsConfig;
  readonly retention: Retention;
  readonly log: LogConfig;
  readonly metrics: MetricsConfig;
  readonly tracing: TracingConfig | null;
  readonly flags: Flags;
  readonly turnstile: TurnstileConfig | null;
  readonly oidc: OidcConfig;
};

type Parts = Pick<Config, 'environment' | 'flags'> & { readonly settings: Settings; readonly scope: Scope };

/** Applies the rules over several variables. Whatever they find goes to the scope; then the result is void. */
export const composeConfig = ({ settings, scope, environment, flags }: Parts): Config => {
  const session = readSession(settings, scope);
  return {
    environment,
    origins: readOrigins(settings, scope),
    database: readDatabase(settings, scope),
    jwt: readJwt(settings, scope),
    session,
    cookies: readCookies(settings, scope),
    limits: readLimits(settings),
    password: readPassword(settings, scope),
    email: readEmail(settings, scope),
    uploads: readUploads(settings, scope),
    retention: readRetention(settings, session),
    log: readLog(settings),
    metrics: readMetrics(settings, scope),
    tracing: readTracing(settings),
    flags,
    turnstile: readTurnstile(settings, scope),
    oidc: readSingleSignOn(settings, scope),
  };
};

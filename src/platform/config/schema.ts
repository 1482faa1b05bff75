import { readDatabase } from './database.ts';
import { readEmail } from './email.ts';
import { type Flags, flagNames } from './feature-flags.ts';
import { readJwt } from './jwt.ts';
import { readOrigins, readSso } from './origins.ts';
import { type EnvironmentConfig, requireEach, type Scope } from './resolve.ts';
import { Secret } from './secret.ts';
import { readServices } from './services.ts';
import { readCookies, readSession } from './sessions.ts';
import { readUploads } from './uploads.ts';
import { flagVariable, variables } from './variables.ts';

// The weakest pair that the OWASP Password Storage Cheat Sheet still lists is 7 MiB and 5 passes.
const owaspFloorKib = 7168 * 5;

const readPassword = ({ settings, strict, warning }: Scope) => {
  const { ARGON2_MEMORY_KIB: memoryKib, ARGON2_ITERATIONS: iterations } = settings;
  if (strict && memoryKib * iterations < owaspFloorKib) {
    warning(
      'ARGON2_ITERATIONS',
      'is too low for ARGON2_MEMORY_KIB by the OWASP Password Storage Cheat Sheet',
    );
  }
  return {
    /** In characters. */
    minLength: settings.PASSWORD_MIN_LENGTH,
    /** Null: passwords do not expire. */
    maxAgeDays: settings.PASSWORD_MAX_AGE_DAYS || null,
    /** Whether new passwords are looked up at Have I Been Pwned. */
    pwnedPasswords: settings.PWNED_PASSWORDS,
    argon2: { memoryKib, iterations, parallelism: 1 },
  } as const;
};

const readLimits = ({ settings, strict, problem }: Scope) => {
  if (strict && settings.EVEN_ANSWER_MS < 100) problem('EVEN_ANSWER_MS', 'must be at least 100');
  return {
    rate: { max: settings.RATE_LIMIT_MAX, windowMs: settings.RATE_LIMIT_WINDOW_MS },
    login: {
      maxAttempts: settings.LOGIN_BRUTE_MAX_ATTEMPTS,
      windowMs: settings.LOGIN_BRUTE_WINDOW_MS,
      lockMs: settings.LOGIN_BRUTE_LOCK_MS,
    },
    evenAnswerMs: settings.EVEN_ANSWER_MS,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
  };
};

const readMetrics = (scope: Scope) => {
  const { ENABLE_METRICS: enabled, METRICS_TOKEN: token = null } = scope.settings;
  if (scope.strict && enabled)
    requireEach(scope, 'is required while ENABLE_METRICS is on', ['METRICS_TOKEN']);
  /** Without a token anybody may read them, in local environments only. */
  return { enabled, token } as const;
};

/** Added to the base URL of a collector (OpenTelemetry, OTLP exporter, section Endpoint URLs for OTLP/HTTP). */
const tracesPath = '/v1/traces';

/** OTLP over HTTP, in the terms of the OpenTelemetry specification. */
const readTracing = ({ settings, warning }: Scope) => {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers = [] } = settings;
  if (endpoint === undefined) return null;
  const { OTEL_SERVICE_NAME: serviceName, OTEL_TRACES_SAMPLER_ARG: sampleRatio } = settings;
  const url = new URL(endpoint.reveal());
  const path = url.pathname.replace(/\/+$/, '');
  if (path.endsWith(tracesPath))
    warning(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      `ends with ${tracesPath}, which is added to a base URL; it is not added twice`,
    );
  else url.pathname = `${path}${tracesPath}`;
  return {
    /** Where the spans go. Its query can hold a key. */
    url: new Secret(url.href),
    headers,
    serviceName,
    sampleRatio,
  } as const;
};

// Cloudflare's keys for tests: 1x passes every token, 2x and 3x pass none.
const turnstileTestKey = /^[123]x0+AA$/;

/** Null: nothing needs a Turnstile token. */
const readTurnstile = ({ settings, strict, problem, warning }: Scope) => {
  const { TURNSTILE_SECRET_KEY: secretKey, TURNSTILE_SITE_KEY: siteKey = null } = settings;
  const routes = settings.TURNSTILE_ROUTES;
  if (!secretKey) {
    const others = [
      ...(siteKey === null ? [] : ['TURNSTILE_SITE_KEY']),
      ...(routes.join() === variables.TURNSTILE_ROUTES.default ? [] : ['TURNSTILE_ROUTES']),
    ];
    if (others.length > 0) problem('TURNSTILE_SECRET_KEY', `is required beside ${others.join(' and ')}`);
    return null;
  }
  if (siteKey === null) {
    const forms = `the forms that need a token: ${routes.join(', ')}`;
    warning('TURNSTILE_SITE_KEY', `is not set, so our own pages leave out ${forms}`);
  }
  if (strict && turnstileTestKey.test(secretKey.reveal())) {
    problem('TURNSTILE_SECRET_KEY', "is one of Cloudflare's keys for tests, which check nothing");
  }
  /** Without a site key our own pages have no form that needs a token. */
  return { secretKey, siteKey, routes } as const;
};

/** Applies the rules over several variables. The result is void once one of them has reported a problem. */
export const composeConfig = (scope: Scope, environment: EnvironmentConfig) => {
  const { settings } = scope;
  const session = readSession(scope);
  return {
    environment,
    origins: readOrigins(scope),
    database: readDatabase(scope),
    jwt: readJwt(scope),
    services: readServices(scope),
    session,
    cookies: readCookies(scope),
    limits: readLimits(scope),
    password: readPassword(scope),
    email: readEmail(scope),
    uploads: readUploads(scope),
    /** How long rows are kept after they were written, in days; null: forever. */
    retention: {
      auditDays: settings.AUDIT_RETENTION_DAYS || null,
      sessionDays: session.absoluteTtlSeconds / 86_400,
    },
    log: {
      level: settings.LOG_LEVEL,
      pretty: settings.LOG_PRETTY,
      sampleRatio: settings.LOG_SAMPLE_RATIO,
    },
    metrics: readMetrics(scope),
    tracing: readTracing(scope),
    flags: Object.fromEntries(flagNames.map((name) => [name, settings[flagVariable(name)]])) as Flags,
    turnstile: readTurnstile(scope),
    oidc: readSso(scope),
  } as const;
};

/** The whole configuration of the Worker: complete, checked and frozen. Each feature is given parts of it. */
export type Config = ReturnType<typeof composeConfig>;
export type PasswordConfig = Config['password'];
export type MetricsConfig = Config['metrics'];
export type TracingConfig = NonNullable<Config['tracing']>;

/** Who reads a variable. `refused` names are read only to say what replaces them. */
type Reader = 'worker' | 'scripts' | 'workflows' | 'refused' | 'nobody';

type Alias = {
  readonly name: string;
  /** Where the alias counts in a smaller unit: its name, and how many make one of the canonical variable. */
  readonly unit?: string;
  readonly unitsPerCanonical?: number;
};

type Options = {
  readonly aliases?: readonly Alias[];
  readonly secret?: boolean;
  /** Line breaks are part of the value (PEM, JSON); anywhere else they are an accident. */
  readonly multiline?: boolean;
};

export type Variable = {
  readonly readBy: Reader;
  readonly group: string;
  /** As a person reads it; empty where there is none. */
  readonly default: string;
  readonly description: string;
} & Required<Options>;

const readBy =
  <R extends Reader>(reader: R) =>
  (
    group: string,
    defaultText: string,
    description: string,
    options: Options = {},
  ): Variable & { readBy: R } => ({
    readBy: reader,
    group,
    default: defaultText,
    description,
    aliases: options.aliases ?? [],
    secret: options.secret ?? false,
    multiline: options.multiline ?? false,
  });

const worker = readBy('worker');
const scripts = readBy('scripts');
const workflows = readBy('workflows');
const refused = readBy('refused');
const nobody = readBy('nobody');
const secret = true;
const multiline = true;
const as = (...names: string[]): readonly Alias[] => names.map((name) => ({ name }));

/** Every variable of Itsor: the one table that the loader, the example file and the dev launcher share. */
// biome-ignore format: a table reads best with one variable to a line
export const variables = {
  BACKEND_ENV: worker('Environment', 'local', 'local, development, dev and test are lenient; any other name makes the checks strict', { aliases: as('ENVIRONMENT', 'NODE_ENV') }),
  HOST: worker('Environment', '127.0.0.1', 'Host of npm run dev and of the local CORS origins'),
  BACKEND_PORT: worker('Environment', '3002', 'Port of npm run dev'),
  FRONTEND_PORT: worker('Environment', '3000', 'Port of a local frontend: http://{HOST}:{port} is an allowed origin, in local environments only'),
  WEB_PORT: worker('Environment', '3001', 'Port of a second local frontend, allowed in the same way'),
  ALLOWED_ORIGINS: worker('Environment', '', 'Comma list of exact origins (scheme, host, port) that browsers may call from; https only when strict'),
  API_URL: worker('Environment', '', 'Origin of the API itself, as browsers see it: where single sign-on comes back to; unset: http://{HOST}:{BACKEND_PORT}; required with single sign-on when strict'),
  APP_URL: worker('Environment', '', 'Where links in e-mails lead; unset: the first of ALLOWED_ORIGINS, else the API itself; required when strict'),

  DATABASE_URL: worker('Database', '', 'PostgreSQL as the app role; unset: built from DB_*, else the embedded database; strict: required, with sslmode=require', { secret, aliases: as('BACKEND_DATABASE_URL', 'SQLALCHEMY_DATABASE_URI') }),
  DB_HOST: worker('Database', '', 'Host of the database, where its URL is built from parts'),
  DB_PORT: worker('Database', '5432', 'Port of the database'),
  DB_NAME: worker('Database', '', 'Name of the database'),
  DB_SSLMODE: worker('Database', 'require', 'disable, allow, prefer, require, verify-ca or verify-full'),
  DB_APP_USER: worker('Database', '', 'Role of the Worker: reads and writes rows, changes no table'),
  DB_APP_PASSWORD: worker('Database', '', 'Password of DB_APP_USER', { secret }),
  MIGRATIONS_DATABASE_URL: scripts('Database', '', 'PostgreSQL as the migrator role, for drizzle-kit and scripts; unset: the embedded database; never given to a strict Worker', { secret }),
  DB_MIGRATOR_USER: scripts('Database', '', 'Role of the migrations, with DB_HOST, DB_PORT, DB_NAME and DB_SSLMODE'),
  DB_MIGRATOR_PASSWORD: scripts('Database', '', 'Password of DB_MIGRATOR_USER', { secret }),
  DB_USER: refused('Database', '', 'No longer read: set DB_APP_USER (the Worker) and DB_MIGRATOR_USER (migrations)'),
  DB_PASSWORD: refused('Database', '', 'No longer read: set DB_APP_PASSWORD (the Worker) and DB_MIGRATOR_PASSWORD (migrations)', { secret }),
  NEON_HTTP_ENDPOINT: worker('Database', '', 'SQL-over-HTTP endpoint of a local stack; unset: the one of Neon; https only when strict'),

  JWT_SECRET: worker('Access tokens', 'dev-secret-change-me', 'Signs access tokens under HS256, HS384 and HS512; strict: required, at least 32 random bytes', { secret, aliases: as('JWT_SECRET_KEY') }),
  JWT_SECRET_PREVIOUS: worker('Access tokens', '', 'Comma list of former secrets that still verify: rotation without logging anyone out', { secret }),
  JWT_ALGORITHM: worker('Access tokens', 'HS256', 'HS256, HS384 or HS512; or EdDSA, ES256 or RS256 with JWT_PRIVATE_KEY'),
  JWT_PRIVATE_KEY: worker('Access tokens', '', 'PKCS#8 PEM, for EdDSA, ES256 and RS256; of several blocks the first signs and the others only verify', { secret, multiline }),
  JWT_ACCESS_MINUTES: worker('Access tokens', '60', 'Life of an access token in minutes, 1 to 1440', { aliases: [{ name: 'JWT_ACCESS_TTL_MIN' }, { name: 'JWT_ACCESS_TOKEN_EXPIRES', unit: 'seconds', unitsPerCanonical: 60 }] }),
  JWT_ISSUER: worker('Access tokens', 'itsor-backend', 'The iss claim, required of every access token'),
  JWT_AUDIENCE: worker('Access tokens', 'itsor-clients', 'The aud claim, required of every access token'),
  JWT_TOKEN_LOCATION: worker('Access tokens', 'headers,cookies', 'Which of the two carry access tokens; without cookies none are set'),
  JWT_HEADER_NAME: worker('Access tokens', 'Authorization', 'Header that carries an access token'),
  JWT_HEADER_TYPE: worker('Access tokens', 'Bearer', 'Scheme in front of the token in that header'),

  SECRET_KEY: worker('Sessions', 'dev-session-key-change-me', 'Keys refresh tokens, codes, signed URLs and OAuth state; strict: required, at least 32 random bytes, not JWT_SECRET', { secret }),
  SECRET_KEY_PREVIOUS: worker('Sessions', '', 'Comma list of former keys that still verify', { secret }),
  JWT_REFRESH_TTL_DAYS: worker('Sessions', '7', 'Life of a refresh token in days, 1 to 90; each refresh starts it anew'),
  SESSION_ABSOLUTE_DAYS: worker('Sessions', '30', 'A session ends after so many days however often it is refreshed, 1 to 365; unset: never below JWT_REFRESH_TTL_DAYS'),
  REFRESH_REUSE_GRACE_SECONDS: worker('Sessions', '10', 'How long the refresh token before the last one is forgiven, 0 to 60'),
  SESSION_MAX_PER_ACCOUNT: worker('Sessions', '100', 'Live sessions of one account, 1 to 1000; a login beyond them ends the oldest'),
  SESSION_COOKIE_NAME: worker('Sessions', 'itsor_session', 'Cookie of the access token; the refresh cookie adds _refresh; a __Host- or __Secure- name needs Secure'),
  SESSION_COOKIE_SECURE: worker('Sessions', 'false', 'Send the cookies over HTTPS only; must be true when strict'),
  SESSION_COOKIE_SAMESITE: worker('Sessions', 'lax', 'lax, strict or none; none needs SESSION_COOKIE_SECURE=true'),

  RATE_LIMIT_MAX: worker('Limits', '100', 'Requests per window and user with a live session, or else network'),
  RATE_LIMIT_WINDOW_MS: worker('Limits', '60000', 'The sliding window, in milliseconds'),
  LOGIN_BRUTE_MAX_ATTEMPTS: worker('Limits', '5', 'Failed logins of one account from one network before it is locked there'),
  LOGIN_BRUTE_WINDOW_MS: worker('Limits', '900000', 'How long a failed login counts, in milliseconds'),
  LOGIN_BRUTE_LOCK_MS: worker('Limits', '900000', 'How long the lock lasts, in milliseconds'),
  REQUEST_TIMEOUT_MS: worker('Limits', '10000', 'A request that takes longer is answered 504, in milliseconds'),

  PASSWORD_MIN_LENGTH: worker('Passwords', '14', 'In characters, 8 to 128; checked when a password is set, never at login'),
  PASSWORD_MAX_AGE_DAYS: worker('Passwords', '90', 'An older password must be changed; 0 = never'),
  PWNED_PASSWORDS: worker('Passwords', 'false', 'Ask Have I Been Pwned by the first characters of the hash; fails open'),
  ARGON2_MEMORY_KIB: worker('Passwords', '19456', 'Memory of Argon2id in KiB, 7168 to 65536'),
  ARGON2_ITERATIONS: worker('Passwords', '2', 'Passes of Argon2id, 1 to 10; a change of either shows in the time of logins until accounts have logged in again'),

  EMAIL_VERIFICATION: worker('E-mail', 'optional', 'off, optional or required'),
  EMAIL_PROVIDER: worker('E-mail', 'resend', 'resend, ses or gmail (also: smtp); in local environments without a key: capture, which only shows the mail'),
  FROM_EMAIL: worker('E-mail', '', 'Sender, for resend and ses; gmail sends from its own account and refuses it'),
  MAIL_RECIPIENT_HOURLY_MAX: worker('E-mail', '20', 'Mails that one mailbox gets in an hour, from all causes together, at least 7; further mails are held back'),
  MAIL_RECIPIENT_DAILY_MAX: worker('E-mail', '50', 'The same in a day'),
  RESEND_API_KEY: worker('E-mail', '', 'For resend', { secret }),
  AWS_REGION: worker('E-mail', '', 'For ses and for uploads on s3'),
  AWS_ACCESS_KEY_ID: worker('E-mail', '', 'For ses and for uploads on s3', { secret }),
  AWS_SECRET_ACCESS_KEY: worker('E-mail', '', 'For ses and for uploads on s3', { secret }),
  GMAIL_USER: worker('E-mail', '', 'Account of gmail, which is also the sender', { aliases: as('SMTP_USER') }),
  GMAIL_APP_PASSWORD: worker('E-mail', '', 'App password of GMAIL_USER', { secret, aliases: as('SMTP_PASSWORD') }),
  SMTP_HOST: worker('E-mail', 'smtp.gmail.com', 'Server that gmail sends through'),
  SMTP_PORT: worker('E-mail', '465', 'Port of SMTP_HOST'),

  UPLOAD_STORAGE: worker('Uploads', 'r2', 'r2 (the bucket binding) or s3'),
  S3_BUCKET: worker('Uploads', '', 'For s3, with the AWS_* variables'),
  S3_ENDPOINT: worker('Uploads', '', 'For s3 storage other than that of AWS; https only when strict'),
  UPLOAD_MAX_BYTES: worker('Uploads', '5242880', 'Largest file, in bytes'),
  UPLOAD_MAX_FILES_PER_USER: worker('Uploads', '100', 'Files that one account may hold, 1 to 100000'),
  UPLOAD_MAX_TOTAL_BYTES_PER_USER: worker('Uploads', '1073741824', 'Bytes that one account may hold; unset: never below UPLOAD_MAX_BYTES'),
  UPLOAD_ALLOWED_TYPES: worker('Uploads', 'pdf,png,jpeg,docx,txt', 'Comma list of these names or media types'),
  UPLOAD_SCANNER: worker('Uploads', 'builtin', 'guardduty or clamav; builtin is for local work and the default there; unset when strict: uploads are off'),
  SCAN_CALLBACK_SECRET: worker('Uploads', '', 'For guardduty: proves that a scan result is real; strict: at least 32 random bytes', { secret }),
  CLAMD_ADDRESS: worker('Uploads', '', 'For clamav: host or host:port of clamd (port 3310)'),

  LOG_LEVEL: worker('Operations', 'info', 'debug, info, warn or error'),
  LOG_PRETTY: worker('Operations', '0', '1 = logs for people instead of one JSON object a line'),
  LOG_SAMPLE_RATIO: worker('Operations', '1', 'Share of the successful requests that are logged, 0 to 1; failures always are'),
  AUDIT_RETENTION_DAYS: worker('Operations', '365', 'How long the audit trail is kept, in days; 0 = for good'),
  ENABLE_METRICS: worker('Operations', '0', '1 = /metrics answers'),
  METRICS_TOKEN: worker('Operations', '', 'bearer token of /metrics; required when strict and metrics are on', { secret }),
  OTEL_EXPORTER_OTLP_ENDPOINT: worker('Operations', '', 'OpenTelemetry collector (OTLP over HTTP); unset: no traces'),
  OTEL_EXPORTER_OTLP_HEADERS: worker('Operations', '', 'Comma list of name=value headers for it, values percent-encoded', { secret }),
  OTEL_SERVICE_NAME: worker('Operations', 'itsor', 'Name of this service in traces'),
  OTEL_TRACES_SAMPLER_ARG: worker('Operations', '1', 'Share of requests that are traced, 0 to 1'),
  REDIS_URL: nobody('Operations', '', 'Not used: Durable Objects hold limits and locks', { secret }),

  FLAG_EXPERIMENTAL_CACHING: worker('Feature flags', '0', 'Feature flag: 1/0, true/false or on/off'),
  FLAG_NEW_DASHBOARD_WIDGETS: worker('Feature flags', '0', 'Feature flag: 1/0, true/false or on/off'),

  TURNSTILE_SECRET_KEY: worker('Sign-up and single sign-on', '', 'When set, sign-up needs a Cloudflare Turnstile token', { secret }),
  OIDC_PROVIDERS: worker('Sign-up and single sign-on', '', 'JSON list of {"id", "name", "issuer", "client_id", "client_secret", "scopes"}; name and scopes are optional', { secret, multiline }),
  GITHUB_CLIENT_ID: worker('Sign-up and single sign-on', '', 'OAuth app of GitHub'),
  GITHUB_CLIENT_SECRET: worker('Sign-up and single sign-on', '', 'Secret of the OAuth app of GitHub', { secret }),

  ENABLE_SNYK: workflows('GitHub workflows', '', 'Repository variable: true = run Snyk; not of the Worker'),
  RUN_E2E: workflows('GitHub workflows', '', 'Repository variable: true = run the end-to-end tests; not of the Worker'),
};

export type VariableName = keyof typeof variables;

/** The variables that the Worker itself parses; feature flags are an open set and parsed on their own. */
export type WorkerVariableName = {
  [Name in VariableName]: (typeof variables)[Name] extends { readBy: 'worker' } ? Name : never;
}[Exclude<VariableName, `FLAG_${string}`>];

export const flagPrefix = 'FLAG_';
export const variableNames = Object.keys(variables) as readonly VariableName[];

/** A variable's own name, and those that it is also read as. */
export const namesOf = (name: VariableName): readonly string[] => {
  const { aliases }: Variable = variables[name];
  return [name, ...aliases.map((alias) => alias.name)];
};

const knownNames: ReadonlySet<string> = new Set(variableNames.flatMap(namesOf));

/** Whether a name means something to Itsor: a variable, an alias, a name that is refused, or any `FLAG_*`. */
export const isConfigVariable = (name: string): boolean =>
  knownNames.has(name) || name.startsWith(flagPrefix);

export const configVariableNames: readonly string[] = [...knownNames];

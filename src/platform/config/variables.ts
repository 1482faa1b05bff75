import type * as z from 'zod';
import { type FlagName, featureFlags, flagNames } from './feature-flags.ts';
import { audiences, introspectionClients } from './introspection-clients.ts';
import { oidcProviders } from './oidc-providers.ts';
import { localSecrets } from './secret.ts';
import {
  apiUrl,
  boolean,
  clamdAddress,
  emailAddress,
  fraction,
  headerList,
  headerNames,
  hostname,
  httpUrl,
  integer,
  mailbox,
  oneOf,
  originList,
  secret,
  secretHttpUrl,
  secretList,
  text,
  token,
  tokenLocations,
  turnstileRoutes,
  uploadTypes,
} from './values.ts';

/** The reader of a variable. A `refused` name stops the Worker, and an `unused` one causes a warning. */
type Reader = 'worker' | 'scripts' | 'workflows' | 'refused' | 'unused';

type Alias = {
  readonly name: string;
  /** Where the alias counts in a smaller unit: its name, how many make one of the variable's, and its schema. */
  readonly unit?: string;
  readonly unitsPerCanonical?: number;
  readonly schema?: z.ZodType;
};

type Options = {
  readonly aliases?: readonly Alias[];
  readonly secret?: boolean;
  /** Line breaks are part of the value (PEM, JSON); in any other variable they are refused. */
  readonly multiline?: boolean;
};

type Entry = Options & {
  readonly readBy: Reader;
  /** Reads the text, of a variable that the Worker reads. */
  readonly schema: z.ZodType | null;
  /** The text that counts where none is set; empty where there is none. */
  readonly default: string;
  readonly description: string;
};

export type Variable = Entry & Required<Options> & { readonly group: string };

const worker = <S extends z.ZodType, const D extends string>(
  schema: S,
  defaultText: D,
  description: string,
  options: Options = {},
) => ({ readBy: 'worker' as const, schema, default: defaultText, description, ...options });

const readBy =
  (reader: Exclude<Reader, 'worker'>) =>
  (description: string, options: Options = {}) =>
    ({ readBy: reader, schema: null, default: '', description, ...options }) as const;

const scripts = readBy('scripts');
const workflows = readBy('workflows');
const refused = readBy('refused');
const unused = readBy('unused');

const group = <E extends Readonly<Record<string, Entry>>>(name: string, entries: E) =>
  Object.fromEntries(
    Object.entries(entries).map(([key, entry]) => [
      key,
      { aliases: [], secret: false, multiline: false, ...entry, group: name },
    ]),
  ) as unknown as { readonly [Name in keyof E]: E[Name] & Variable };

export const flagPrefix = 'FLAG_';
export const flagVariable = <F extends FlagName>(flag: F) =>
  `${flagPrefix}${flag.toUpperCase() as Uppercase<F>}` as const;

const flagEntry = (flag: FlagName) => worker(boolean, '0', `${featureFlags[flag].description}: 1 or 0`);
const flagEntries = Object.fromEntries(flagNames.map((flag) => [flagVariable(flag), flagEntry(flag)])) as {
  readonly [F in FlagName as ReturnType<typeof flagVariable<F>>]: ReturnType<typeof flagEntry>;
};

const as = (...names: string[]) => ({ aliases: names.map((name) => ({ name })) });
const isSecret = { secret: true } as const;
const isMultiline = { multiline: true } as const;
const port = integer(1, 65_535);
/** A window or a time limit: from a tenth of a second to a day. */
const milliseconds = integer(100, 86_400_000, 'milliseconds');
const accessSeconds = {
  name: 'JWT_ACCESS_TOKEN_EXPIRES',
  unit: 'seconds',
  unitsPerCanonical: 60,
  schema: integer(60, 86_400, 'seconds').transform((seconds) => seconds / 60),
};
export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/** Every variable of Itsor, with its schema, its default and its description: each stands here and nowhere else. */
// biome-ignore format: a table reads best with one variable to a line
export const variables = {
  ...group('Environment', {
    BACKEND_ENV: worker(text, 'local', 'Name of the environment: local, development, dev and test are lenient and answer at this machine alone; any other name is strict', as('ENVIRONMENT', 'NODE_ENV')),
    HOST: worker(hostname, 'localhost', 'Address that npm run dev listens at: localhost (127.0.0.1 and ::1), 0.0.0.0 or :: (every address of this machine) or one address; at each of them, a local environment answers only requests to a loopback name'),
    BACKEND_PORT: worker(port, '3002', 'Port of npm run dev'),
    FRONTEND_PORT: worker(port, '3000', 'Port of a local frontend: http://{HOST}:{port} is an allowed origin, as is each port of this machine, in local environments only'),
    WEB_PORT: worker(port, '3001', 'Port of a second local frontend, allowed in the same way'),
    ALLOWED_ORIGINS: worker(originList, '', 'Exact origins (scheme, host, port) that browsers may call from, separated by commas, blanks or line breaks, also those of apps, such as capacitor://localhost, tauri://localhost or chrome-extension://{id}; strict: no http', isMultiline),
    CORS_ALLOWED_HEADERS: worker(headerNames, '', 'Comma list of headers that pages of these origins may send in addition to those that Itsor reads, such as baggage or sentry-trace; Itsor ignores them'),
    API_URL: worker(apiUrl, '', 'URL of the API itself, as browsers see it, for a proxy or tunnel in front that ends TLS, or for a path such as https://app.example.com/api: forms of its origin are allowed, links and upload URLs start with it, the refresh cookie keeps to its path, and providers of single sign-on send people back to it; unset: the origin of each request, and http://{HOST}:{BACKEND_PORT} for providers; strict: required with single sign-on'),
    APP_URL: worker(httpUrl, '', 'Start of the links in e-mails; unset: the first http or https origin of ALLOWED_ORIGINS, or else the API itself; strict: required'),
  }),

  ...group('Database', {
    DATABASE_URL: worker(secret, '', 'PostgreSQL as the app role; unset: built from the DB_* parts, or else the embedded database; strict: required, with sslmode=require', { ...isSecret, ...as('BACKEND_DATABASE_URL', 'SQLALCHEMY_DATABASE_URI') }),
    DB_HOST: worker(hostname, '', 'Host of the database, for a DATABASE_URL built from parts'),
    DB_PORT: worker(port, '5432', 'Port of the database'),
    DB_NAME: worker(text, '', 'Name of the database'),
    DB_SSLMODE: worker(oneOf(...sslModes), 'require', 'disable, allow, prefer, require, verify-ca or verify-full; strict: one of the last three'),
    DB_APP_USER: worker(text, '', 'Role of the Worker, which reads and writes rows and cannot change tables'),
    DB_APP_PASSWORD: worker(secret, '', 'Password of DB_APP_USER', isSecret),
    MIGRATIONS_DATABASE_URL: scripts('PostgreSQL as the migrator role, for drizzle-kit and scripts; unset: the embedded database; a strict Worker refuses it', isSecret),
    DB_MIGRATOR_USER: scripts('Role of the migrations, with DB_HOST, DB_PORT, DB_NAME and DB_SSLMODE'),
    DB_MIGRATOR_PASSWORD: scripts('Password of DB_MIGRATOR_USER', isSecret),
    DB_USER: refused('No longer read: set DB_APP_USER (for the Worker) and DB_MIGRATOR_USER (for migrations)'),
    DB_PASSWORD: refused('No longer read: set DB_APP_PASSWORD (for the Worker) and DB_MIGRATOR_PASSWORD (for migrations)', isSecret),
    NEON_HTTP_ENDPOINT: worker(httpUrl, '', 'SQL-over-HTTP endpoint of a local stack; unset: the endpoint of Neon; strict: https only'),
  }),

  ...group('Access tokens', {
    JWT_SECRET: worker(secret, localSecrets.jwt, 'Signs access tokens under HS256, HS384 and HS512; strict: required, at least 32 random bytes', { ...isSecret, ...as('JWT_SECRET_KEY') }),
    JWT_SECRET_PREVIOUS: worker(secretList, '', 'Comma list of former secrets that still verify, whatever JWT_ALGORITHM is, so that a rotation logs nobody out', isSecret),
    JWT_ALGORITHM: worker(oneOf('HS256', 'HS384', 'HS512', 'EdDSA', 'ES256', 'RS256'), 'HS256', 'HS256, HS384 or HS512 with JWT_SECRET, which only Itsor can verify; EdDSA, ES256 or RS256 with JWT_PRIVATE_KEY, which other services can verify with /.well-known/jwks.json'),
    JWT_PRIVATE_KEY: worker(secret, '', 'One or more PKCS#8 PEM blocks, for EdDSA, ES256 and RS256: the first signs, the others only verify; npm run secrets:generate -- --algorithm ES256 makes one', { ...isSecret, ...isMultiline }),
    JWT_PRIVATE_KEY_PREVIOUS: worker(secret, '', 'PKCS#8 PEM blocks of former private keys that still verify, whatever JWT_ALGORITHM is, each under the algorithm of its type', { ...isSecret, ...isMultiline }),
    JWT_ACCESS_MINUTES: worker(integer(1, 1440, 'minutes'), '60', 'Life of an access token in minutes, 1 to 1440', { aliases: [{ name: 'JWT_ACCESS_TTL_MIN' }, accessSeconds] }),
    JWT_ISSUER: worker(text, 'itsor-backend', 'The iss claim that every access token must have; where services check it against the OAuth metadata, the address of the API'),
    JWT_AUDIENCE: worker(text, 'itsor-clients', 'The aud claim of access tokens for Itsor itself: its own routes take no other'),
    JWT_AUDIENCES: worker(audiences, '', 'Comma list of further audiences, one per service: POST /auth/token gives a token for one of them with resource=, which Itsor\'s own routes refuse'),
    INTROSPECTION_CLIENTS: worker(introspectionClients, '', 'Services that may ask POST /auth/introspect about tokens, separated by commas or line breaks: <id>=sha256:<hash of the secret>@<audience>, made by npm run introspection:client; unset: the route is not there', isMultiline),
    JWT_TOKEN_LOCATION: worker(tokenLocations, 'headers,cookies', 'Comma list of headers and cookies: where access tokens are accepted; without cookies none are set'),
    JWT_HEADER_NAME: worker(token, 'Authorization', 'Header that carries an access token'),
    JWT_HEADER_TYPE: worker(token, 'Bearer', 'Scheme in front of the token in that header'),
  }),

  ...group('Sessions', {
    SECRET_KEY: worker(secret, localSecrets.sessions, 'Key of refresh tokens, codes, signed URLs and OAuth state; strict: required, at least 32 random bytes, different from JWT_SECRET', isSecret),
    SECRET_KEY_PREVIOUS: worker(secretList, '', 'Comma list of former keys that still verify', isSecret),
    JWT_REFRESH_TTL_DAYS: worker(integer(1, 90, 'days'), '7', 'Life of a refresh token in days, 1 to 90; each refresh starts it anew'),
    SESSION_ABSOLUTE_DAYS: worker(integer(1, 365, 'days'), '30', 'Longest life of a session in days, 1 to 365, however often it is refreshed; unset: at least JWT_REFRESH_TTL_DAYS'),
    REFRESH_REUSE_GRACE_SECONDS: worker(integer(0, 60, 'seconds'), '10', 'Seconds in which the refresh token before the current one still works, 0 to 60'),
    REFRESH_LATE_MAX: worker(integer(0, 24), '3', 'How often in a day a session forgives a lost answer: after the grace, the same device gets the successor of its refresh token once more, as long as nobody has used the successor; 0 to 24; 0: never, which is also the default with REFRESH_REUSE_GRACE_SECONDS=0'),
    SESSION_CACHE_SECONDS: worker(integer(0, 300, 'seconds'), '30', 'Longest time for which a session gate tells what it has read from the database, 0 to 300 seconds; changes that go through the API count at once, and this is the bound for all others and for the permissions of a role that is edited; 0: every request asks the database'),
    SESSION_MAX_PER_ACCOUNT: worker(integer(1, 1000), '100', 'Live sessions of one account, 1 to 1000; a further login ends the oldest session'),
    SESSION_COOKIE_NAME: worker(token, 'itsor_session', 'Cookie of the access token; the refresh cookie adds _refresh to this name, and the cookie that tells pages that there is a refresh cookie adds _renew; a name with __Host- or __Secure- needs SESSION_COOKIE_SECURE=true'),
    SESSION_COOKIE_SECURE: worker(boolean, 'false', 'Whether browsers send the cookies over HTTPS only; strict: must be true'),
    SESSION_COOKIE_SAMESITE: worker(oneOf('lax', 'strict', 'none'), 'lax', 'lax, strict or none; none needs SESSION_COOKIE_SECURE=true'),
  }),

  ...group('Limits', {
    RATE_LIMIT_MAX: worker(integer(1, 1_000_000), '100', 'Requests in one window, counted by user with a live session, or else by network'),
    RATE_LIMIT_WINDOW_MS: worker(milliseconds, '60000', 'Length of the sliding window, in milliseconds'),
    LOGIN_BRUTE_MAX_ATTEMPTS: worker(integer(1, 1_000_000), '5', 'Failed logins to one account from one network before that network is locked out of the account'),
    LOGIN_BRUTE_WINDOW_MS: worker(milliseconds, '900000', 'How long a failed login counts, in milliseconds'),
    LOGIN_BRUTE_LOCK_MS: worker(milliseconds, '900000', 'How long the lock lasts, in milliseconds'),
    EVEN_ANSWER_MS: worker(integer(0, 1000, 'milliseconds'), '150', 'Shortest time of an answer that must not tell whether an account exists (forgot, resend), in milliseconds; raise it where the database takes longer'),
    REQUEST_TIMEOUT_MS: worker(milliseconds, '10000', 'Longest time that a request may take, in milliseconds; a longer one is answered 504'),
  }),

  ...group('Passwords', {
    PASSWORD_MIN_LENGTH: worker(integer(8, 128), '14', 'Shortest new password in characters, 8 to 128; logins accept passwords that are shorter'),
    PASSWORD_MAX_AGE_DAYS: worker(integer(0, 3650, 'days'), '90', 'Age in days at which a password must be changed; 0 = never'),
    PWNED_PASSWORDS: worker(boolean, 'false', 'Whether new passwords are looked up at Have I Been Pwned, by the first characters of their hash; an outage blocks nothing'),
    ARGON2_MEMORY_KIB: worker(integer(7168, 65_536, 'KiB'), '19456', 'Memory of Argon2id in KiB, 7168 to 65536'),
    ARGON2_ITERATIONS: worker(integer(1, 10), '2', 'Passes of Argon2id, 1 to 10; after a change of memory or passes, logins to an account take as long as before until one succeeds'),
  }),

  ...group('E-mail', {
    EMAIL_VERIFICATION: worker(oneOf('off', 'optional', 'required'), 'optional', 'off, optional or required'),
    EMAIL_PROVIDER: worker(oneOf('resend', 'ses', 'gmail', 'smtp', 'capture'), 'resend', 'resend, ses or gmail (smtp is another name of gmail); in local environments without a key: capture, which only shows the mail'),
    FROM_EMAIL: worker(mailbox, '', 'Sender, for resend and ses; must be unset with gmail, which sends from its own account'),
    // Six kinds of mail share the budget, and each share is at least one mail.
    MAIL_RECIPIENT_HOURLY_MAX: worker(integer(7, 1_000_000), '20', 'Mails of all kinds that one mailbox gets in an hour, at least 7; further mails are held back'),
    MAIL_RECIPIENT_DAILY_MAX: worker(integer(7, 1_000_000), '50', 'Mails of all kinds that one mailbox gets in a day, at least 7; further mails are held back'),
    RESEND_API_KEY: worker(secret, '', 'API key, for resend', isSecret),
    AWS_REGION: worker(text, '', 'Region, for ses and for uploads on s3'),
    AWS_ACCESS_KEY_ID: worker(secret, '', 'Access key, for ses and for uploads on s3', isSecret),
    AWS_SECRET_ACCESS_KEY: worker(secret, '', 'Secret of the access key, for ses and for uploads on s3', isSecret),
    GMAIL_USER: worker(emailAddress, '', 'Account of gmail, which is also the sender', as('SMTP_USER')),
    GMAIL_APP_PASSWORD: worker(secret, '', 'App password of GMAIL_USER', { ...isSecret, ...as('SMTP_PASSWORD') }),
    SMTP_HOST: worker(hostname, 'smtp.gmail.com', 'Mail server of gmail'),
    SMTP_PORT: worker(port, '465', 'Port of SMTP_HOST'),
  }),

  ...group('Uploads', {
    UPLOAD_STORAGE: worker(oneOf('r2', 's3'), 'r2', 'r2 (the bucket binding) or s3'),
    S3_BUCKET: worker(text, '', 'Name of the bucket, for s3; the AWS_* variables are needed too'),
    S3_ENDPOINT: worker(httpUrl, '', 'Endpoint of an S3 storage outside AWS; strict: https only'),
    // 5 GiB is the largest object that one PUT can write to S3 or R2.
    UPLOAD_MAX_BYTES: worker(integer(1, 5_368_709_120, 'bytes'), '5242880', 'Largest file, in bytes'),
    UPLOAD_PAUSE_MS: worker(milliseconds, '60000', 'Longest pause between two pieces of a file that a client sends, in milliseconds'),
    UPLOAD_MAX_FILES_PER_USER: worker(integer(1, 100_000), '100', 'Files that one account may hold, 1 to 100000'),
    UPLOAD_MAX_TOTAL_BYTES_PER_USER: worker(integer(1, 1_000_000_000_000, 'bytes'), '1073741824', 'Bytes that one account may hold; unset: at least UPLOAD_MAX_BYTES'),
    UPLOAD_ALLOWED_TYPES: worker(uploadTypes, 'pdf,png,jpeg,docx,txt', 'Comma list of file endings or of media types'),
    UPLOAD_SCANNER: worker(oneOf('builtin', 'guardduty', 'clamav'), 'builtin', 'guardduty or clamav; in local environments also builtin; strict and unset: no file is accepted'),
    SCAN_CALLBACK_SECRET: worker(secret, '', 'Proves that a scan result is real, for guardduty; strict: at least 32 random bytes', isSecret),
    CLAMD_ADDRESS: worker(clamdAddress, '', 'host or host:port of clamd, for clamav; the default port is 3310'),
  }),

  ...group('Operations', {
    LOG_LEVEL: worker(oneOf('debug', 'info', 'warn', 'error'), 'info', 'debug, info, warn or error'),
    LOG_PRETTY: worker(boolean, '0', '1 = logs for people, instead of one JSON object per line; npm run dev sets it unless you do'),
    LOG_SAMPLE_RATIO: worker(fraction, '1', 'Share of the successful requests that are logged, 0 to 1; failures always are'),
    AUDIT_RETENTION_DAYS: worker(integer(0, 3650, 'days'), '365', 'How long the audit trail is kept, in days; 0 = forever'),
    ENABLE_METRICS: worker(boolean, '0', '1 = /metrics answers'),
    METRICS_TOKEN: worker(secret, '', 'Bearer token of /metrics; strict: required with ENABLE_METRICS', isSecret),
    OTEL_EXPORTER_OTLP_ENDPOINT: worker(secretHttpUrl, '', 'OpenTelemetry collector (OTLP over HTTP), to which /v1/traces is added unless the URL already ends with it; a query is kept; unset: no traces'),
    OTEL_EXPORTER_OTLP_HEADERS: worker(headerList, '', 'Comma list of name=value headers for the collector, with percent-encoded values', isSecret),
    OTEL_SERVICE_NAME: worker(text, 'itsor', 'Name of this service in traces'),
    OTEL_TRACES_SAMPLER_ARG: worker(fraction, '1', 'Share of the requests that are traced, 0 to 1'),
    REDIS_URL: unused('Not used: Durable Objects hold limits and locks', isSecret),
  }),

  ...group('Feature flags', flagEntries),

  ...group('Sign-up and single sign-on', {
    TURNSTILE_SECRET_KEY: worker(secret, '', 'If set, what TURNSTILE_ROUTES names needs a Cloudflare Turnstile token', isSecret),
    TURNSTILE_SITE_KEY: worker(text, '', 'Site key of the same widget, which is public: our own pages show it on the forms that need a token; unset: they leave these forms out'),
    TURNSTILE_ROUTES: worker(turnstileRoutes, 'signup', 'Comma list of signup, forgot, resend and login: what needs a token; login: after half of the failures that cause a lock'),
    OIDC_PROVIDERS: worker(oidcProviders, '', 'JSON list of {"id", "name", "issuer", "client_id", "client_secret", "scopes", "token_endpoint_auth_method"}; name, scopes and token_endpoint_auth_method are optional', { ...isSecret, ...isMultiline }),
    GITHUB_CLIENT_ID: worker(text, '', 'Client id of the OAuth app at GitHub'),
    GITHUB_CLIENT_SECRET: worker(secret, '', 'Client secret of the OAuth app at GitHub', isSecret),
  }),

  ...group('GitHub workflows', {
    ENABLE_SNYK: workflows('Repository variable: true = run Snyk'),
    RUN_E2E: workflows('Repository variable: true = run the end-to-end tests'),
  }),
};

export type VariableName = keyof typeof variables;

type WorkerVariableName = {
  [Name in VariableName]: (typeof variables)[Name]['schema'] extends z.ZodType ? Name : never;
}[VariableName];

/** The values of the Worker's variables, each read on its own; undefined where it has neither a text nor a default. */
export type Settings = {
  readonly [Name in WorkerVariableName]:
    | z.output<(typeof variables)[Name]['schema']>
    | ((typeof variables)[Name]['default'] extends '' ? undefined : never);
};

export const variableNames = Object.keys(variables) as readonly VariableName[];

/** A variable's own name and its aliases. */
export const namesOf = (name: VariableName): readonly string[] => {
  const { aliases }: Variable = variables[name];
  return [name, ...aliases.map((alias) => alias.name)];
};

const knownNames: ReadonlySet<string> = new Set(variableNames.flatMap(namesOf));

/** Whether Itsor knows a name: a variable, an alias, a name that it refuses, or any `FLAG_*`. */
export const isConfigVariable = (name: string): boolean =>
  knownNames.has(name) || name.startsWith(flagPrefix);

export const configVariableNames: readonly string[] = [...knownNames];

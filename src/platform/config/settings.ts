import type * as z from 'zod';
import { emailAddress, mailbox } from './email.ts';
import { asymmetricAlgorithms, symmetricAlgorithms } from './jwt.ts';
import { headerList } from './observability.ts';
import { origin, originList } from './origins.ts';
import { sslModes } from './postgres-url.ts';
import { oidcProviders } from './single-sign-on.ts';
import { clamdAddress, defaultUploadTypes, uploadTypes } from './uploads.ts';
import {
  boolean,
  fraction,
  hostname,
  httpUrl,
  integer,
  list,
  oneOf,
  secret,
  secretList,
  text,
  token,
} from './values.ts';
import type { WorkerVariableName } from './variables.ts';

const port = integer(1, 65_535);
const optionalText = text.optional();
const optionalSecret = secret.optional();
const optionalUrl = httpUrl.optional();

/** A window or a time limit: from a tenth of a second to a day. */
const milliseconds = integer(100, 86_400_000);

const tokenLocation = list((entry, fail) =>
  entry === 'headers' || entry === 'cookies' ? entry : fail('must be headers or cookies'),
);

/** How each variable's text is read, on its own; the rules over several are in the files by subject. */
export const settingsSchema = {
  BACKEND_ENV: text.default('local'),
  HOST: hostname.default('127.0.0.1'),
  BACKEND_PORT: port.default(3002),
  FRONTEND_PORT: port.default(3000),
  WEB_PORT: port.default(3001),
  ALLOWED_ORIGINS: originList.default([]),
  API_URL: origin.optional(),
  APP_URL: optionalUrl,

  DATABASE_URL: optionalSecret,
  DB_HOST: hostname.optional(),
  DB_PORT: port.default(5432),
  DB_NAME: optionalText,
  DB_SSLMODE: oneOf(...sslModes).default('require'),
  DB_APP_USER: optionalText,
  DB_APP_PASSWORD: optionalSecret,
  NEON_HTTP_ENDPOINT: optionalUrl,

  JWT_SECRET: optionalSecret,
  JWT_SECRET_PREVIOUS: secretList.default([]),
  JWT_ALGORITHM: oneOf(...symmetricAlgorithms, ...asymmetricAlgorithms).default('HS256'),
  JWT_PRIVATE_KEY: optionalSecret,
  JWT_ACCESS_MINUTES: integer(1, 1440).default(60),
  JWT_ISSUER: text.default('itsor-backend'),
  JWT_AUDIENCE: text.default('itsor-clients'),
  JWT_TOKEN_LOCATION: tokenLocation.default(['headers', 'cookies']),
  JWT_HEADER_NAME: token.default('Authorization'),
  JWT_HEADER_TYPE: token.default('Bearer'),

  SECRET_KEY: optionalSecret,
  SECRET_KEY_PREVIOUS: secretList.default([]),
  JWT_REFRESH_TTL_DAYS: integer(1, 90).default(7),
  SESSION_ABSOLUTE_DAYS: integer(1, 365).optional(),
  REFRESH_REUSE_GRACE_SECONDS: integer(0, 60).default(10),
  SESSION_MAX_PER_ACCOUNT: integer(1, 1000).default(100),
  SESSION_COOKIE_NAME: token.default('itsor_session'),
  SESSION_COOKIE_SECURE: boolean.default(false),
  SESSION_COOKIE_SAMESITE: oneOf('lax', 'strict', 'none').default('lax'),

  RATE_LIMIT_MAX: integer(1, 1_000_000).default(100),
  RATE_LIMIT_WINDOW_MS: milliseconds.default(60_000),
  LOGIN_BRUTE_MAX_ATTEMPTS: integer(1, 1_000_000).default(5),
  LOGIN_BRUTE_WINDOW_MS: milliseconds.default(900_000),
  LOGIN_BRUTE_LOCK_MS: milliseconds.default(900_000),
  REQUEST_TIMEOUT_MS: milliseconds.default(10_000),

  PASSWORD_MIN_LENGTH: integer(8, 128).default(14),
  PASSWORD_MAX_AGE_DAYS: integer(0, 3650).default(90),
  PWNED_PASSWORDS: boolean.default(false),
  ARGON2_MEMORY_KIB: integer(7168, 65_536).default(19_456),
  ARGON2_ITERATIONS: integer(1, 10).default(2),

  EMAIL_VERIFICATION: oneOf('off', 'optional', 'required').default('optional'),
  EMAIL_PROVIDER: oneOf('resend', 'ses', 'gmail', 'smtp', 'capture').optional(),
  FROM_EMAIL: mailbox.optional(),
  // Each of the six shares is one mail at the least.
  MAIL_RECIPIENT_HOURLY_MAX: integer(7, 1_000_000).default(20),
  MAIL_RECIPIENT_DAILY_MAX: integer(7, 1_000_000).default(50),
  RESEND_API_KEY: optionalSecret,
  AWS_REGION: optionalText,
  AWS_ACCESS_KEY_ID: optionalSecret,
  AWS_SECRET_ACCESS_KEY: optionalSecret,
  GMAIL_USER: emailAddress.optional(),
  GMAIL_APP_PASSWORD: optionalSecret,
  SMTP_HOST: hostname.default('smtp.gmail.com'),
  SMTP_PORT: port.default(465),

  UPLOAD_STORAGE: oneOf('r2', 's3').default('r2'),
  S3_BUCKET: optionalText,
  S3_ENDPOINT: optionalUrl,
  // 5 GiB is the largest object that one PUT can write to S3 or R2.
  UPLOAD_MAX_BYTES: integer(1, 5_368_709_120).default(5_242_880),
  UPLOAD_MAX_FILES_PER_USER: integer(1, 100_000).default(100),
  UPLOAD_MAX_TOTAL_BYTES_PER_USER: integer(1, 1_000_000_000_000).optional(),
  UPLOAD_ALLOWED_TYPES: uploadTypes.default(defaultUploadTypes),
  UPLOAD_SCANNER: oneOf('builtin', 'guardduty', 'clamav').optional(),
  SCAN_CALLBACK_SECRET: optionalSecret,
  CLAMD_ADDRESS: clamdAddress.optional(),

  LOG_LEVEL: oneOf('debug', 'info', 'warn', 'error').default('info'),
  LOG_PRETTY: boolean.default(false),
  LOG_SAMPLE_RATIO: fraction.default(1),
  AUDIT_RETENTION_DAYS: integer(0, 3650).default(365),
  ENABLE_METRICS: boolean.default(false),
  METRICS_TOKEN: optionalSecret,
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl,
  OTEL_EXPORTER_OTLP_HEADERS: headerList.default([]),
  OTEL_SERVICE_NAME: text.default('itsor'),
  OTEL_TRACES_SAMPLER_ARG: fraction.default(1),

  TURNSTILE_SECRET_KEY: optionalSecret,
  OIDC_PROVIDERS: oidcProviders.default([]),
  GITHUB_CLIENT_ID: optionalText,
  GITHUB_CLIENT_SECRET: optionalSecret,
} satisfies Record<WorkerVariableName, z.ZodType>;

/** Aliases that count in another unit, read into the unit of the canonical variable. */
export const aliasSchema: Readonly<Record<string, z.ZodType>> = {
  JWT_ACCESS_TOKEN_EXPIRES: integer(60, 86_400).transform((seconds) => seconds / 60),
};

export type Settings = {
  readonly [Name in keyof typeof settingsSchema]: z.output<(typeof settingsSchema)[Name]>;
};

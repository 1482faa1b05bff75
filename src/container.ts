import { v7 as uuidv7 } from 'uuid';
import { createSealedSignUps } from './accounts/sealed-sign-ups.ts';
import { createChallenges } from './accounts/turnstile.ts';
import { createAgenda, createJobQueue } from './agenda/agenda.ts';
import type { AgendaObject } from './agenda/agenda-object.ts';
import { createOneTimeTokens, createPrepareToken } from './emails/one-time-tokens.ts';
import { createLoginGuard, instrumentLoginGuard } from './login-guard/login-guard.ts';
import type { LoginGuard } from './login-guard/login-guard-object.ts';
import { argon2id } from './passwords/argon2/argon2id.ts';
import { createArgon2Hasher } from './passwords/argon2/hasher.ts';
import type { Config } from './platform/config/schema.ts';
import type { Logger } from './platform/context.ts';
import { createMacKeys } from './platform/crypto/derived-keys.ts';
import { createDatabase } from './platform/db/client.ts';
import { createMailer } from './platform/mailers/create-mailer.ts';
import { createRateLimiter } from './platform/rate-limiter/rate-limiter.ts';
import type { RateLimiter } from './platform/rate-limiter/rate-limiter-object.ts';
import { createTelemetry, type Telemetry } from './platform/telemetry/create-telemetry.ts';
import { createLogger } from './platform/telemetry/logger.ts';
import { createMetricsGatherer } from './platform/telemetry/metrics-gatherer.ts';
import type { MetricsGatherer } from './platform/telemetry/metrics-object.ts';
import { createAccessTokens, leewaySeconds } from './sessions/access-tokens.ts';
import { createSessionGate } from './sessions/session-gate.ts';
import type { SessionGate } from './sessions/session-gate-object.ts';
import { tellingChanges } from './sessions/sql/changed-accounts.ts';
import { createGate } from './sessions/sql/gate.ts';
import { createIssueTokens, createRefreshTokens } from './sessions/tokens.ts';
import { issuersOf } from './sso/rules.ts';

/** The bindings that are no variables; `platform/config` reads the variables. */
export type Bindings = Record<string, unknown> & {
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  SESSION_GATE: DurableObjectNamespace<SessionGate>;
  LOGIN_GUARD: DurableObjectNamespace<LoginGuard>;
  METRICS_GATHERER: DurableObjectNamespace<MetricsGatherer>;
  AGENDA: DurableObjectNamespace<AgendaObject<never>>;
  MAIL_QUEUE: Queue<string>;
  UPLOAD_QUEUE: Queue<string>;
  UPLOADS: R2Bucket;
  ASSETS: Fetcher;
  CF_VERSION_METADATA: WorkerVersionMetadata;
};

/** What every request needs, whether the Worker is configured or not. */
export type Foundation = {
  readonly log: Logger;
  readonly clock: () => Date;
  readonly newId: (now: Date) => string;
  readonly newRequestId: () => string;
  readonly telemetry: Telemetry;
  /** A random number in [0, 1) for samples, never for secrets. */
  readonly random: () => number;
};

const clock = () => new Date();
const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
const newRequestId = () => crypto.randomUUID();
const random = () => Math.random();
const write = (line: string) => console.log(line);

type Observability = Pick<Config, 'log' | 'metrics' | 'tracing'>;

/** What is used where the configuration cannot be read. */
const defaultObservability = {
  log: { level: 'info', pretty: false, sampleRatio: 1 },
  metrics: { enabled: false, token: null },
  tracing: null,
} as const satisfies Observability;

export const createFoundation = (
  bindings: Bindings,
  { log: logging, metrics, tracing }: Observability = defaultObservability,
): Foundation => {
  const log = createLogger({ ...logging, clock, write });
  const gather = createMetricsGatherer(bindings.METRICS_GATHERER).add;
  const telemetry = createTelemetry({ metrics, tracing }, { log, isolate: newRequestId(), gather, random });
  return { log, clock, newId, newRequestId, telemetry, random };
};

/** What the features share: the database, keys, tokens, limits, the mail queue and the mailer. */
export type Container = ReturnType<typeof createContainer>;

export const createContainer = (config: Config, bindings: Bindings, foundation: Foundation) => {
  const { metrics, instruments } = foundation.telemetry;
  const { session, jwt, password, limits } = config;
  const agenda = createAgenda(bindings.AGENDA, { log: foundation.log, called: instruments.called });
  const secretKeys = [session.secretKey, ...session.previousSecretKeys];
  const oneTimeTokens = createOneTimeTokens(createMacKeys(secretKeys, 'one-time-token'));
  const accessTokens = createAccessTokens(jwt);
  const refreshTokens = createRefreshTokens(createMacKeys(secretKeys, 'refresh-token'));
  /** Whether an account whose address is not verified is refused. */
  const verifiedOnly = config.email.verification === 'required';
  const passwordMaxAgeDays = password.maxAgeDays;
  const sessionGate = createSessionGate(bindings.SESSION_GATE, {
    cacheSeconds: session.cacheSeconds,
    log: foundation.log,
    called: instruments.called,
  });

  return {
    ...foundation,
    config,
    bindings,
    secretKeys,
    verifiedOnly,
    metrics,
    instruments,
    db: tellingChanges(createDatabase(config.database, instruments.statement), sessionGate.forget),
    sessionGate,
    gate: createGate({
      verifiedOnly,
      passwordMaxAgeDays,
      // A login by a provider sets cookies; without cookies an identity is no way in.
      issuers: jwt.locations.cookie ? issuersOf(config.oidc) : [],
    }),
    hasher: createArgon2Hasher(password.argon2, {
      maxWaitMs: limits.requestTimeoutMs,
      digest: instruments.digest(argon2id),
      onQueued: (waiting) => metrics.observe('itsor_password_hash_queue_length', {}, waiting),
    }),
    guard: instrumentLoginGuard(createLoginGuard(bindings.LOGIN_GUARD, limits.login), {
      metrics,
      called: instruments.called,
    }),
    limiter: instruments.limiter(
      createRateLimiter(bindings.RATE_LIMITER, {
        countsOf: sessionGate.countsOf,
        doubtMs: (jwt.accessTtlSeconds + leewaySeconds) * 1000,
        called: instruments.called,
      }),
    ),
    accessTokens,
    refreshTokens,
    issueTokens: createIssueTokens({
      signAccessToken: accessTokens.sign,
      issueRefreshToken: refreshTokens.issue,
      newId,
      accessTtlSeconds: jwt.accessTtlSeconds,
      passwordMaxAgeDays,
    }),
    oneTimeTokens,
    prepareToken: createPrepareToken({ newId, ...oneTimeTokens }),
    sealedSignUps: createSealedSignUps(secretKeys),
    challenges: createChallenges(config.turnstile, instruments.outgoing),
    agenda,
    mailQueue: createJobQueue(bindings.MAIL_QUEUE, { agenda, clock: foundation.clock }),
    uploadQueue: createJobQueue(bindings.UPLOAD_QUEUE, { agenda, clock: foundation.clock }),
    mailer: instruments.mailer(
      createMailer(config.email.provider, { ...foundation, fetch: instruments.outgoing }),
    ),
  };
};

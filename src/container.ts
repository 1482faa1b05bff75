import { v7 as uuidv7 } from 'uuid';
import journal from '../drizzle/meta/_journal.json' with { type: 'json' };
import { createAccessTokens, leewaySeconds } from './adapters/access-tokens.ts';
import { argon2id } from './adapters/argon2/argon2id.ts';
import { createArgon2Hasher } from './adapters/argon2/hasher.ts';
import { checkArgon2id } from './adapters/argon2/known-answer.ts';
import { createMacKeys } from './adapters/derived-keys.ts';
import { createLogger } from './adapters/logger.ts';
import { createLoginGuard } from './adapters/login-guard.ts';
import { createMailQueue } from './adapters/mail-queue.ts';
import { createMetricsGatherer } from './adapters/metrics-gatherer.ts';
import { createOneTimeTokens } from './adapters/one-time-tokens.ts';
import { createPwnedPasswords } from './adapters/pwned-passwords.ts';
import { createRateLimiter } from './adapters/rate-limiter.ts';
import { createRefreshTokens } from './adapters/refresh-tokens.ts';
import { createSealedSignUps } from './adapters/sealed-sign-ups.ts';
import { createSharedSecret } from './adapters/shared-secret.ts';
import { createTelemetry, type Telemetry } from './adapters/telemetry/create-telemetry.ts';
import { createTurnstile } from './adapters/turnstile.ts';
import { createAdministration } from './composition/administration.ts';
import { createMailServices } from './composition/mail.ts';
import { createSingleSignOn, issuersOf } from './composition/single-sign-on.ts';
import { createUploadServices } from './composition/uploads.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ConfigProblem } from './config/scope.ts';
import type { Logger, RequestContext } from './context.ts';
import { createDatabase } from './db/client.ts';
import type { LoginGuard } from './durable-objects/login-guard.ts';
import type { MetricsGatherer } from './durable-objects/metrics-gatherer.ts';
import type { RateLimiter } from './durable-objects/rate-limiter.ts';
import { ownPasswordPolicy } from './http/rate-policies.ts';
import { createAccountRepository } from './repositories/accounts.ts';
import { createAuditRepository } from './repositories/audit.ts';
import { createBacklogRepository } from './repositories/backlog.ts';
import { createCodeLockRepository } from './repositories/code-locks.ts';
import { createCredentialRepository } from './repositories/credentials.ts';
import { createEmailAddressRepository } from './repositories/email-addresses.ts';
import { createEmailChangeRepository } from './repositories/email-changes.ts';
import { createErasureRepository } from './repositories/erasure.ts';
import { createGate } from './repositories/gate.ts';
import { createHealthRepository } from './repositories/health.ts';
import { createOwnAccountRepository } from './repositories/own-account.ts';
import { createOwnRecordRepository } from './repositories/own-records.ts';
import { createRetentionRepository } from './repositories/retention.ts';
import { createSessionRepository } from './repositories/sessions.ts';
import { createSignUpRepository } from './repositories/sign-ups.ts';
import { createExportOwnAccount } from './services/account/export.ts';
import { createMe } from './services/account/me.ts';
import { createRemoveOwnAccount } from './services/account/remove.ts';
import { createRename } from './services/account/rename.ts';
import { createSignup } from './services/account/signup.ts';
import { createChangeEmail } from './services/email/change.ts';
import { createGuessCode } from './services/email/guess-code.ts';
import { createPrepareToken } from './services/email/prepare.ts';
import { createResendVerification } from './services/email/resend.ts';
import { createRestoreEmail } from './services/email/restore.ts';
import { createVerifyEmail } from './services/email/verify.ts';
import { createReadiness } from './services/health/readiness.ts';
import { createScrape } from './services/metrics/scrape.ts';
import { createUpdateGauges } from './services/metrics/update-gauges.ts';
import { createAttemptBudget } from './services/password/attempt-budget.ts';
import { createChangePassword } from './services/password/change.ts';
import { createCheckPassword } from './services/password/check.ts';
import { createForgotPassword } from './services/password/forgot.ts';
import { createProveOwnPassword } from './services/password/prove-own.ts';
import { createResetPassword } from './services/password/reset.ts';
import { createVerifyPassword } from './services/password/verify.ts';
import { createPurge } from './services/retention/purge.ts';
import { createEndSession } from './services/session/end.ts';
import { createIssueTokens } from './services/session/issue.ts';
import { createListSessions } from './services/session/list.ts';
import { createLogin } from './services/session/login.ts';
import { createLogout } from './services/session/logout.ts';
import { createRefresh } from './services/session/refresh.ts';
import { createRevoke } from './services/session/revoke.ts';

/** The bindings that are not variables; `src/config` reads those. */
export type Bindings = Record<string, unknown> & {
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  LOGIN_GUARD: DurableObjectNamespace<LoginGuard>;
  METRICS_GATHERER: DurableObjectNamespace<MetricsGatherer>;
  MAIL_QUEUE: Queue<string>;
  UPLOAD_QUEUE: Queue<string>;
  UPLOADS: R2Bucket;
  ASSETS: Fetcher;
  CF_VERSION_METADATA: WorkerVersionMetadata;
};

/** What every request needs, configured or not. */
export type Foundation = {
  readonly log: Logger;
  readonly clock: () => Date;
  readonly newRequestId: () => string;
  readonly telemetry: Telemetry;
  /** A number in [0, 1), at random; for samples, never for secrets. */
  readonly random: () => number;
};

export type Services = ReturnType<typeof createServices>;

export type Container = Foundation &
  (
    | { readonly kind: 'ready'; readonly services: Services }
    | {
        readonly kind: 'misconfigured';
        readonly problems: readonly ConfigProblem[];
        readonly strict: boolean;
        /** Tells the audit trail; null where the database is what is misconfigured. */
        readonly recordRefusal: ((ctx: RequestContext) => Promise<void>) | null;
      }
  );

const clock = () => new Date();
const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
const newRequestId = () => crypto.randomUUID();
const random = () => Math.random();
const write = (line: string) => console.log(line);
/** Loads the dictionary with the first password that is set; an isolate that sees only logins does without. */
const loadEstimator = async () => (await import('./adapters/password-strength.ts')).estimateStrength;

const createServices = (config: Config, bindings: Bindings, log: Logger, telemetry: Telemetry) => {
  const { metrics, instruments } = telemetry;
  const db = createDatabase(config.database, instruments.statement);
  const verifiedOnly = config.email.verification === 'required';
  const passwordMaxAgeDays = config.password.maxAgeDays;
  // A login by a provider sets cookies, and opens nothing where none are taken.
  const issuers = config.jwt.locations.cookie ? issuersOf(config.oidc) : [];
  const gate = createGate({ verifiedOnly, passwordMaxAgeDays, issuers });
  const accounts = createAccountRepository(db, { newId });
  const ownAccount = createOwnAccountRepository(db, { newId, gate });
  const audit = createAuditRepository(db, { newId, gate });
  const sessions = createSessionRepository(db, { newId, gate, verifiedOnly });
  const credentials = createCredentialRepository(db, { newId, gate });
  const addresses = createEmailAddressRepository(db, { newId });
  const changes = createEmailChangeRepository(db, { newId, gate });
  const health = createHealthRepository(db);

  const hasher = createArgon2Hasher(config.password.argon2, {
    maxWaitMs: config.limits.requestTimeoutMs,
    digest: instruments.digest(argon2id),
    onQueued: (waiting) => metrics.observe('itsor_password_hash_queue_length', {}, waiting),
  });
  const guard = instruments.guard(createLoginGuard(bindings.LOGIN_GUARD, config.limits.login));
  const accessTokens = createAccessTokens(config.jwt);
  const secretKeys = [config.session.secretKey, ...config.session.previousSecretKeys];
  const refreshTokens = createRefreshTokens(createMacKeys(secretKeys, 'refresh-token'));

  const oneTimeTokens = createOneTimeTokens(createMacKeys(secretKeys, 'one-time-token'));

  const { code, codeMac, read: readToken } = oneTimeTokens;
  const sealedSignUps = createSealedSignUps(secretKeys);
  const prepareToken = createPrepareToken({ newId, code, codeMac });
  const verifyPassword = createVerifyPassword({ accounts, guard, hasher, audit });
  const limiter = instruments.limiter(
    createRateLimiter(bindings.RATE_LIMITER, {
      doubtMs: (config.jwt.accessTtlSeconds + leewaySeconds) * 1000,
      called: instruments.called,
    }),
  );
  const spendAttempt = createAttemptBudget({ limiter, policy: ownPasswordPolicy(config.limits.rate) });
  const proveOwnPassword = createProveOwnPassword({ credentials, verifyPassword, hasher, spendAttempt });
  const verifyAccessToken = accessTokens.verify;
  const readRefreshToken = refreshTokens.read;
  const sessionPolicy = config.session;
  const mailQueue = createMailQueue(bindings.MAIL_QUEUE);
  const checkPassword = createCheckPassword({
    policy: config.password,
    loadEstimator,
    inTurn: hasher.inTurn,
    isLeaked: config.password.pwnedPasswords ? createPwnedPasswords({ fetch: instruments.outgoing }) : null,
  });
  const issueTokens = createIssueTokens({
    signAccessToken: accessTokens.sign,
    issueRefreshToken: refreshTokens.issue,
    newId,
    accessTtlSeconds: config.jwt.accessTtlSeconds,
    passwordMaxAgeDays,
  });

  const uploads = createUploadServices(config.uploads, {
    clock,
    newId,
    newRequestId,
    bucket: bindings.UPLOADS,
    queue: bindings.UPLOAD_QUEUE,
    db,
    gate,
    secretKeys,
    log,
    telemetry,
    requestTimeoutMs: config.limits.requestTimeoutMs,
  });

  return {
    config,
    verifyAccessToken,
    limiter,
    account: {
      signup: createSignup({
        checkTurnstile:
          config.turnstile && createTurnstile({ ...config.turnstile, fetch: instruments.outgoing }),
        accounts,
        signUps: createSignUpRepository(db, { newId }),
        hasher,
        issueTokens,
        sessionPolicy,
        verification: config.email.verification,
        checkPassword,
        sealAttempt: sealedSignUps.seal,
        prepareToken,
        mailQueue,
        newId,
      }),
      me: createMe({ ownAccount, passwordMaxAgeDays }),
      rename: createRename({ ownAccount, passwordMaxAgeDays }),
      remove: createRemoveOwnAccount({ ownAccount, proveOwnPassword, mailQueue, newId }),
      export: createExportOwnAccount({
        ownRecords: createOwnRecordRepository(db, { gate }),
        passwordMaxAgeDays,
      }),
    },
    password: {
      change: createChangePassword({
        credentials,
        proveOwnPassword,
        checkPassword,
        hasher,
        issueTokens,
        sessionPolicy,
        mailQueue,
        newId,
      }),
      forgot: createForgotPassword({ credentials, prepareToken, mailQueue }),
      reset: createResetPassword({ credentials, readToken, checkPassword, hasher, guard, mailQueue, newId }),
    },
    email: {
      verify: createVerifyEmail({
        addresses,
        changes,
        readToken,
        resetToken: (id) => oneTimeTokens.token(id, 'reset_password'),
        openAttempt: sealedSignUps.open,
        codeMac,
        guessCode: createGuessCode({
          guard,
          codeLocks: createCodeLockRepository(db, { newId }),
          mailQueue,
          newId,
        }),
        prepareToken,
        guard,
        mailQueue,
        newId,
      }),
      resend: createResendVerification({
        addresses,
        prepareToken,
        mailQueue,
        verification: config.email.verification,
      }),
      change: createChangeEmail({ changes, proveOwnPassword, prepareToken, mailQueue, newId }),
      restore: createRestoreEmail({ changes, readToken, mailQueue, newId }),
    },
    session: {
      login: createLogin({
        accounts,
        sessions,
        verifyPassword,
        hasher,
        issueTokens,
        sessionPolicy,
        mailQueue,
        newId,
        verifiedOnly,
      }),
      refresh: createRefresh({ sessions, readRefreshToken, issueTokens, sessionPolicy, metrics }),
      logout: createLogout({ sessions, readRefreshToken, sessionPolicy }),
      revoke: createRevoke({ sessions, verifyAccessToken, readRefreshToken }),
      list: createListSessions({ sessions }),
      end: createEndSession({ sessions }),
    },
    identity: createSingleSignOn(config, {
      db,
      gate,
      secretKeys,
      telemetry,
      issueTokens,
      sessionPolicy,
      prepareToken,
      mailQueue,
      newId,
    }),
    administration: createAdministration(db, {
      newId,
      gate,
      audit,
      checkPassword,
      hasher,
      prepareToken,
      mailQueue,
      verification: config.email.verification,
      passwordMaxAgeDays,
    }),
    purge: createPurge({
      rows: createRetentionRepository(db),
      erasures: createErasureRepository(db),
      retention: config.retention,
      clock,
      log,
    }),
    mail: createMailServices(config, { clock, db, tokens: oneTimeTokens, limiter, log, telemetry }),
    uploads,
    health: {
      readiness: createReadiness({
        readState: health.read,
        bundledMigration: journal.entries.at(-1)?.when ?? 0,
        pingHasher: checkArgon2id,
        dispensable: uploads.pings,
        version: bindings.CF_VERSION_METADATA.id,
      }),
    },
    metrics: config.metrics.enabled
      ? {
          scrape: createScrape({
            isToken: config.metrics.token && createSharedSecret(config.metrics.token),
            flush: telemetry.flushMetrics,
            readSeries: createMetricsGatherer(bindings.METRICS_GATHERER).read,
          }),
          updateGauges: createUpdateGauges({ readBacklog: createBacklogRepository(db).read, metrics, clock }),
        }
      : null,
    jwks: accessTokens.jwks,
    asset: (path: string) => bindings.ASSETS.fetch(`https://assets.local${path}`),
  };
};

/** The one place where parts are put together; the app is made of what this returns. */
export const createContainer = (bindings: Bindings): Container => {
  const loaded = loadConfig(bindings);
  const log = createLogger({
    ...(loaded.ok ? loaded.config.log : { level: 'info', pretty: false }),
    clock,
    write,
  });
  const { metrics, tracing } = loaded.ok
    ? loaded.config
    : { metrics: { enabled: false, token: null }, tracing: null };
  const telemetry = createTelemetry(
    { metrics, tracing },
    {
      log,
      isolate: newRequestId(),
      gather: createMetricsGatherer(bindings.METRICS_GATHERER).add,
      random,
    },
  );
  const foundation = { log, clock, newRequestId, telemetry, random };
  for (const warning of loaded.warnings) log.warn('configuration', warning);
  if (loaded.ok)
    return {
      ...foundation,
      kind: 'ready',
      services: createServices(loaded.config, bindings, log, telemetry),
    };
  for (const problem of loaded.problems) log.error('misconfigured', problem);
  const { problems, strict, database } = loaded;
  const names = [...new Set(problems.map(({ variable }) => variable))].sort();
  const gate = createGate({ verifiedOnly: false, passwordMaxAgeDays: null, issuers: [] });
  const audit = database && createAuditRepository(createDatabase(database), { newId, gate });
  const recordRefusal = audit && ((ctx: RequestContext) => audit.recordRefusedConfiguration(ctx, names));
  return { ...foundation, kind: 'misconfigured', problems, strict, recordRefusal };
};

import { v7 as uuidv7 } from 'uuid';
import journal from '../drizzle/meta/_journal.json' with { type: 'json' };
import { createSealedSignUps } from './accounts/sealed-sign-ups.ts';
import { createExportOwnAccount } from './accounts/service/export.ts';
import { createMe } from './accounts/service/me.ts';
import { createRemoveOwnAccount } from './accounts/service/remove.ts';
import { createRename } from './accounts/service/rename.ts';
import { createSignup } from './accounts/service/signup.ts';
import { createAccountRepository } from './accounts/sql/accounts.ts';
import { createErasureRepository } from './accounts/sql/erasure.ts';
import { createOwnAccountRepository } from './accounts/sql/own-account.ts';
import { createOwnRecordRepository } from './accounts/sql/own-records.ts';
import { createSignUpRepository } from './accounts/sql/sign-ups.ts';
import { createTurnstile } from './accounts/turnstile.ts';
import { createAdministration } from './administration/compose.ts';
import { createAuditRepository } from './audit/sql/audit.ts';
import { createOneTimeTokens } from './emails/one-time-tokens.ts';
import { createChangeEmail } from './emails/service/change.ts';
import { createGuessCode } from './emails/service/guess-code.ts';
import { createPrepareToken } from './emails/service/prepare.ts';
import { createResendVerification } from './emails/service/resend.ts';
import { createRestoreEmail } from './emails/service/restore.ts';
import { createVerifyEmail } from './emails/service/verify.ts';
import { createCodeLockRepository } from './emails/sql/code-locks.ts';
import { createEmailAddressRepository } from './emails/sql/email-addresses.ts';
import { createEmailChangeRepository } from './emails/sql/email-changes.ts';
import { createReadiness } from './health/service.ts';
import { createHealthRepository } from './health/sql/health.ts';
import { instrumentLoginGuard } from './login-guard/instrumented.ts';
import { createLoginGuard } from './login-guard/login-guard.ts';
import type { LoginGuard } from './login-guard/login-guard-object.ts';
import { createMailServices } from './mail/compose.ts';
import { createMailQueue } from './mail/mail-queue.ts';
import { createScrape } from './metrics/service/scrape.ts';
import { createUpdateGauges } from './metrics/service/update-gauges.ts';
import { createBacklogRepository } from './metrics/sql.ts';
import { argon2id } from './passwords/argon2/argon2id.ts';
import { createArgon2Hasher } from './passwords/argon2/hasher.ts';
import { checkArgon2id } from './passwords/argon2/known-answer.ts';
import { createPwnedPasswords } from './passwords/pwned-passwords.ts';
import { createAttemptBudget } from './passwords/service/attempt-budget.ts';
import { createChangePassword } from './passwords/service/change.ts';
import { createCheckPassword } from './passwords/service/check.ts';
import { createForgotPassword } from './passwords/service/forgot.ts';
import { createProveOwnPassword } from './passwords/service/prove-own.ts';
import { createResetPassword } from './passwords/service/reset.ts';
import { createVerifyPassword } from './passwords/service/verify.ts';
import { createCredentialRepository } from './passwords/sql.ts';
import { loadConfig } from './platform/config/load.ts';
import type { ConfigProblem } from './platform/config/resolve.ts';
import type { Config } from './platform/config/schema.ts';
import type { Logger, RequestContext } from './platform/context.ts';
import { createMacKeys } from './platform/crypto/derived-keys.ts';
import { createSharedSecret } from './platform/crypto/shared-secret.ts';
import { createDatabase } from './platform/db/client.ts';
import { ownPasswordPolicy } from './platform/http/rate-policies.ts';
import { createRateLimiter } from './platform/rate-limiter/rate-limiter.ts';
import type { RateLimiter } from './platform/rate-limiter/rate-limiter-object.ts';
import { createTelemetry, type Telemetry } from './platform/telemetry/create-telemetry.ts';
import { createLogger } from './platform/telemetry/logger.ts';
import { createMetricsGatherer } from './platform/telemetry/metrics-gatherer.ts';
import type { MetricsGatherer } from './platform/telemetry/metrics-object.ts';
import { createPurge } from './retention/service.ts';
import { createRetentionRepository } from './retention/sql.ts';
import { createAccessTokens, leewaySeconds } from './sessions/access-tokens.ts';
import { createRefreshTokens } from './sessions/refresh-tokens.ts';
import { createEndSession } from './sessions/service/end.ts';
import { createIssueTokens } from './sessions/service/issue.ts';
import { createListSessions } from './sessions/service/list.ts';
import { createLogin } from './sessions/service/login.ts';
import { createLogout } from './sessions/service/logout.ts';
import { createRefresh } from './sessions/service/refresh.ts';
import { createRevoke } from './sessions/service/revoke.ts';
import { createGate } from './sessions/sql/gate.ts';
import { createSessionRepository } from './sessions/sql/sessions.ts';
import { createSingleSignOn, issuersOf } from './sso/compose.ts';
import { createUploadServices } from './uploads/compose.ts';

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
const loadEstimator = async () => (await import('./passwords/password-strength.ts')).estimateStrength;

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
  const guard = instrumentLoginGuard(createLoginGuard(bindings.LOGIN_GUARD, config.limits.login), {
    metrics: telemetry.metrics,
    called: instruments.called,
  });
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

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
import type { Container } from './container.ts';
import { createChangeEmail } from './emails/service/change.ts';
import { createGuessCode } from './emails/service/guess-code.ts';
import { createResendVerification } from './emails/service/resend.ts';
import { createRestoreEmail } from './emails/service/restore.ts';
import { createVerifyEmail } from './emails/service/verify.ts';
import { createCodeLockRepository } from './emails/sql/code-locks.ts';
import { createEmailAddressRepository } from './emails/sql/email-addresses.ts';
import { createEmailChangeRepository } from './emails/sql/email-changes.ts';
import { createReadiness } from './health/service.ts';
import { createHealthRepository } from './health/sql/health.ts';
import { createMail } from './mail/service.ts';
import { createScrape } from './metrics/service/scrape.ts';
import { createUpdateGauges } from './metrics/service/update-gauges.ts';
import { createBacklogRepository } from './metrics/sql.ts';
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
import { createSharedSecret } from './platform/crypto/shared-secret.ts';
import { ownPasswordPolicy } from './platform/http/rate-policies.ts';
import { createMetricsGatherer } from './platform/telemetry/metrics-gatherer.ts';
import { createPurge } from './retention/service.ts';
import { createRetentionRepository } from './retention/sql.ts';
import { createEndSession } from './sessions/service/end.ts';
import { createListSessions } from './sessions/service/list.ts';
import { createLogin } from './sessions/service/login.ts';
import { createLogout } from './sessions/service/logout.ts';
import { createRefresh } from './sessions/service/refresh.ts';
import { createRevoke } from './sessions/service/revoke.ts';
import { createSessionRepository } from './sessions/sql/sessions.ts';
import { createSso } from './sso/service.ts';
import { createUploadServices } from './uploads/compose.ts';

/** Loads the dictionary with the first password that is set; an isolate that sees only logins does without. */
const loadEstimator = async () => (await import('./passwords/password-strength.ts')).estimateStrength;

export type Features = ReturnType<typeof createFeatures>;

/** Every feature, made of what the container holds. */
export const createFeatures = (container: Container) => {
  const { config, bindings, db, gate, clock, newId, newRequestId, log, telemetry, metrics, instruments } =
    container;
  const { hasher, guard, limiter, accessTokens, refreshTokens, oneTimeTokens, prepareToken } = container;
  const { issueTokens, mailQueue, secretKeys, verifiedOnly } = container;
  const { codeMac, read: readToken } = oneTimeTokens;
  const passwordMaxAgeDays = config.password.maxAgeDays;
  const accounts = createAccountRepository(db, { newId });
  const ownAccount = createOwnAccountRepository(db, { newId, gate });
  const audit = createAuditRepository(db, { newId, gate });
  const sessions = createSessionRepository(db, { newId, gate, verifiedOnly });
  const credentials = createCredentialRepository(db, { newId, gate });
  const addresses = createEmailAddressRepository(db, { newId });
  const changes = createEmailChangeRepository(db, { newId, gate });
  const health = createHealthRepository(db);

  const sealedSignUps = createSealedSignUps(secretKeys);
  const verifyPassword = createVerifyPassword({ accounts, guard, hasher, audit });
  const spendAttempt = createAttemptBudget({ limiter, policy: ownPasswordPolicy(config.limits.rate) });
  const proveOwnPassword = createProveOwnPassword({ credentials, verifyPassword, hasher, spendAttempt });
  const verifyAccessToken = accessTokens.verify;
  const readRefreshToken = refreshTokens.read;
  const sessionPolicy = config.session;
  const checkPassword = createCheckPassword({
    policy: config.password,
    loadEstimator,
    inTurn: hasher.inTurn,
    isLeaked: config.password.pwnedPasswords ? createPwnedPasswords({ fetch: instruments.outgoing }) : null,
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

  const administration = createAdministration(db, {
    newId,
    gate,
    audit,
    checkPassword,
    hasher,
    prepareToken,
    mailQueue,
    verification: config.email.verification,
    passwordMaxAgeDays,
  });

  return {
    accounts: {
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
    passwords: {
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
    emails: {
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
    sessions: {
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
    sso: createSso(container),
    administration: administration.users,
    roles: administration.roles,
    audit: administration.audit,
    retention: {
      purge: createPurge({
        rows: createRetentionRepository(db),
        erasures: createErasureRepository(db),
        retention: config.retention,
        clock,
        log,
      }),
    },
    mail: createMail(container),
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
  };
};

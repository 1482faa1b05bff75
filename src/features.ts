import journal from '../drizzle/meta/_journal.json' with { type: 'json' };
import { createAccounts } from './accounts/service.ts';
import { createErasureRepository } from './accounts/sql/erasure.ts';
import { createAdministration } from './administration/compose.ts';
import { createAuditRepository } from './audit/sql/audit.ts';
import type { Container } from './container.ts';
import { createEmails } from './emails/service.ts';
import { createReadiness } from './health/service.ts';
import { createHealthRepository } from './health/sql/health.ts';
import { createMailServices } from './mail/compose.ts';
import { createScrape } from './metrics/service/scrape.ts';
import { createUpdateGauges } from './metrics/service/update-gauges.ts';
import { createBacklogRepository } from './metrics/sql.ts';
import { checkArgon2id } from './passwords/argon2/argon2id.ts';
import { createPasswords } from './passwords/service.ts';
import { createSharedSecret } from './platform/crypto/shared-secret.ts';
import { createMetricsGatherer } from './platform/telemetry/metrics-gatherer.ts';
import { createPurge } from './retention/service.ts';
import { createRetentionRepository } from './retention/sql.ts';
import { createSessions } from './sessions/service.ts';
import { createSingleSignOn } from './sso/compose.ts';
import { createUploadServices } from './uploads/compose.ts';

export type Features = ReturnType<typeof createFeatures>;

/** Every feature, made of what the container holds. */
export const createFeatures = (container: Container) => {
  const { config, bindings, db, gate, clock, newId, newRequestId, log, telemetry, metrics } = container;
  const { hasher, prepareToken, issueTokens, mailQueue, secretKeys } = container;
  const passwordMaxAgeDays = config.password.maxAgeDays;
  const audit = createAuditRepository(db, { newId, gate });
  const health = createHealthRepository(db);

  const passwords = createPasswords(container, audit);
  const sessions = createSessions(container, passwords);
  const sessionPolicy = config.session;

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
    checkPassword: passwords.check,
    hasher,
    prepareToken,
    mailQueue,
    verification: config.email.verification,
    passwordMaxAgeDays,
  });

  return {
    accounts: createAccounts(container, passwords),
    passwords,
    emails: createEmails(container, passwords),
    sessions,
    sso: createSingleSignOn(config, {
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
    mail: createMailServices(config, {
      clock,
      db,
      tokens: container.oneTimeTokens,
      limiter: container.limiter,
      log,
      telemetry,
    }),
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

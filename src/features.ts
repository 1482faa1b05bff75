import { createAccounts } from './accounts/service.ts';
import { createAdministration } from './administration/service.ts';
import { createAgendaWork } from './agenda/service.ts';
import { createAudit } from './audit/service.ts';
import type { Container } from './container.ts';
import { createEmails } from './emails/service.ts';
import { createForkFeatures } from './fork/fork.ts';
import { createHealth } from './health/service.ts';
import { createIntrospection } from './introspection/service.ts';
import { createMail } from './mail/service.ts';
import { createMetrics } from './metrics/service.ts';
import { checkArgon2id } from './passwords/argon2/argon2id.ts';
import { createPasswords } from './passwords/service.ts';
import { createRetention } from './retention/service.ts';
import { createRoles } from './roles/service.ts';
import { createSessions } from './sessions/service.ts';
import { createSso } from './sso/service.ts';
import { createUploads } from './uploads/service.ts';

export type Features = ReturnType<typeof createFeatures>;

/** Every feature, made of what the container holds. */
export const createFeatures = (container: Container) => {
  const audit = createAudit(container);
  const passwords = createPasswords(container, audit);
  const uploads = createUploads(container);
  const accounts = createAccounts(container, passwords);
  return {
    accounts,
    introspection: createIntrospection(container, accounts),
    passwords,
    emails: createEmails(container, passwords),
    sessions: createSessions(container, passwords),
    sso: createSso(container),
    administration: createAdministration(container, passwords),
    roles: createRoles(container),
    audit,
    uploads,
    mail: createMail(container),
    retention: createRetention(container),
    agenda: createAgendaWork(container),
    health: createHealth(container, {
      pingHasher: checkArgon2id,
      pings: { ...passwords.pings, ...uploads.pings },
    }),
    metrics: container.config.metrics.enabled ? createMetrics(container) : null,
    fork: createForkFeatures(container),
  };
};

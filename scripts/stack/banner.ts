import type { DatabasePlan } from './database-plan.ts';
import { placeOf } from './database-urls.ts';
import type { WorkerState } from './worker-state.ts';

type Facts = {
  readonly url: string;
  readonly plan: DatabasePlan;
  readonly embeddedDirectory: string;
  readonly seconds: number;
  readonly state: WorkerState;
};

const headline = ({ complaints, failing }: WorkerState): string => {
  if (complaints.length > 0) return 'Ready, but misconfigured';
  return failing.length > 0 ? `Ready, but without: ${failing.join(', ')}` : 'Ready';
};

/** What a person wants to know once everything runs. */
export const banner = ({ url, plan, embeddedDirectory, seconds, state }: Facts): string =>
  [
    '',
    `  Itsor   ${headline(state)} in ${seconds.toFixed(1)} s`,
    '',
    `  URL       ${url}`,
    `  Docs      ${url}/docs`,
    `  Database  ${describeDatabase(plan, embeddedDirectory)}`,
    `  Mail      ${describeMail(url, state)}`,
    ...(state.complaints.length === 0 ? [] : ['', '  Every route but /healthz answers 503 misconfigured:']),
    ...state.complaints.map((complaint) => `    ${complaint}`),
    '',
    '  Ctrl-C stops it; the data stay.',
    '',
  ].join('\n');

const describeDatabase = (plan: DatabasePlan, embeddedDirectory: string): string => {
  switch (plan.kind) {
    case 'local':
      return plan.postgresUrl === null
        ? `embedded, in ${embeddedDirectory}`
        : `PostgreSQL at ${placeOf(plan.postgresUrl)} (LOCAL_POSTGRES_URL)`;
    case 'loopback':
      return `PostgreSQL at ${plan.host} (DATABASE_URL); its roles and migrations are yours to apply`;
    case 'remote':
      return `at ${plan.host} (DATABASE_URL); its roles and migrations are yours to apply`;
    case 'endpoint':
      return `behind ${new URL(plan.url).host} (NEON_HTTP_ENDPOINT)`;
    case 'none':
      return 'none was started';
  }
};

const describeMail = (url: string, { complaints, hasMailbox }: WorkerState): string => {
  if (hasMailbox) return `not sent, but shown at ${url}/dev/mailbox`;
  return complaints.length > 0 ? 'none' : 'sent by the provider that EMAIL_PROVIDER names';
};

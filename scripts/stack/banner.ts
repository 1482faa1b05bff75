import type { DatabasePlan } from './database-plan.ts';

type Facts = {
  readonly url: string;
  readonly plan: DatabasePlan;
  readonly embeddedDirectory: string;
  readonly seconds: number;
  /** What the Worker finds wrong with its configuration; empty where nothing is. */
  readonly complaints: readonly string[];
};

/** What a person wants to know once everything runs. */
export const banner = ({ url, plan, embeddedDirectory, seconds, complaints }: Facts): string =>
  [
    '',
    `  Itsor   ${complaints.length === 0 ? 'Ready' : 'Ready, but misconfigured'} in ${seconds.toFixed(1)} s`,
    '',
    `  URL       ${url}`,
    `  Docs      ${url}/docs`,
    `  Database  ${describeDatabase(plan, embeddedDirectory)}`,
    `  Mail      ${describeMail()}`,
    ...(complaints.length === 0 ? [] : ['', '  Every route but /healthz answers 503 misconfigured:']),
    ...complaints.map((complaint) => `    ${complaint}`),
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

/** Host and database of a connection string, which may hold a password. */
const placeOf = (url: string): string => {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
};

const describeMail = () => 'no mail is sent by this version yet';

import { type Algorithm, isSymmetric } from '../../src/platform/config/jwt.ts';
import { type DatabasePlan, placeOf } from './database-plan.ts';
import type { WorkerState } from './worker-state.ts';

type Facts = {
  readonly url: string;
  readonly plan: DatabasePlan;
  readonly embeddedDirectory: string;
  readonly algorithm: Algorithm;
  /** The file with the key that signs access tokens; null where it is in a variable. */
  readonly keyPath: string | null;
  readonly seconds: number;
  readonly state: WorkerState;
  /** The strict environment with the variable that names it, such as `production (NODE_ENV)`; null: lenient. */
  readonly strictBy: string | null;
  /** Sentences about what runs, but is most likely not meant. */
  readonly warnings: readonly string[];
};

/** The lines that a person needs once everything runs. */
export const banner = ({
  url,
  plan,
  embeddedDirectory,
  algorithm,
  keyPath,
  seconds,
  state,
  strictBy,
  warnings,
}: Facts): string =>
  [
    '',
    `  Itsor   ${headline(state, `${seconds.toFixed(1)} s`)}`,
    '',
    `  API            ${url}`,
    `  API reference  ${url}/docs`,
    `  Account page   ${describeAccountPage(url, state)}`,
    `  Mailbox        ${describeMailbox(url, state)}`,
    `  Readiness      ${url}/readyz`,
    `  Database       ${describeDatabase(plan, embeddedDirectory)}`,
    `  Access tokens  ${describeTokens(algorithm, keyPath)}`,
    ...(isSymmetric(algorithm) ? [] : [`  Public keys    ${url}/.well-known/jwks.json`]),
    ...section(complaintsTitle(strictBy), state.complaints),
    ...section('Warnings:', warnings),
    '',
    '  Ctrl-C stops it; the data stay.',
    '',
  ].join('\n');

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `  ${title}`, ...lines.map((line) => `    ${line}`)];

const headline = ({ complaints, failing }: WorkerState, time: string): string => {
  if (complaints.length > 0) return `Started in ${time}, but its variables are wrong: it serves nobody yet`;
  return failing.length > 0 ? `Ready in ${time}, but without: ${failing.join(', ')}` : `Ready in ${time}`;
};

const complaintsTitle = (strictBy: string | null): string => {
  const environment = strictBy === null ? '' : `; the environment is ${strictBy}, which is strict`;
  return `Every route but /healthz answers 503 misconfigured until these are right${environment}:`;
};

const describeAccountPage = (url: string, { complaints, hasAccountPage }: WorkerState): string => {
  if (hasAccountPage) return `${url}/account`;
  return complaints.length > 0 ? 'none' : 'none: JWT_TOKEN_LOCATION is without cookies';
};

const describeMailbox = (url: string, { complaints, hasMailbox }: WorkerState): string => {
  if (hasMailbox) return `${url}/dev/mailbox shows the mails; none is sent`;
  return complaints.length > 0 ? 'none' : 'none: mails are sent by the provider that EMAIL_PROVIDER names';
};

const describeTokens = (algorithm: Algorithm, keyPath: string | null): string =>
  isSymmetric(algorithm)
    ? `${algorithm}: only Itsor verifies them; with npm run dev -- --algorithm ES256 other services can, too`
    : `${algorithm}, signed with the key in ${keyPath ?? 'JWT_PRIVATE_KEY'}; other services verify them with the public keys`;

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

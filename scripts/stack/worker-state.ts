import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabasePlan, placeOf } from './database-plan.ts';

/** Resolves once the Worker answers, or `signal` is aborted. */
export const waitForWorker = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const answer = await fetch(`${url}/healthz`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await sleep(50);
  }
};

const cronEveryMs = 60_000;
/** As long as the platform lets a scheduled run go on; a run that is cut short leaves its work to the next lease. */
const cronLimitMs = 900_000;

/**
 * Stands in for the platform's cron trigger, which no local server has: calls the Worker's scheduled handler at once and
 * then every minute, until `signal` is aborted. The Worker logs the result.
 */
export const runCron = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(cronLimitMs)]) };
    const answer = await fetch(`${url}/cdn-cgi/local/scheduled`, options).catch(() => null);
    await answer?.body?.cancel();
    await sleep(cronEveryMs, undefined, { signal }).catch(() => {});
  }
};

type Readiness = {
  code?: string;
  errors?: { pointer?: string; detail?: string }[];
  checks?: Record<string, string>;
};

type WorkerState = Awaited<ReturnType<typeof readWorkerState>>;

export const readWorkerState = async (url: string) => {
  const get = (path: string) => fetch(`${url}${path}`, { signal: AbortSignal.timeout(5000) });
  const [readyz, mailbox] = await Promise.all([get('/readyz'), get('/dev/mailbox')]);
  await mailbox.body?.cancel();
  const { code, errors = [], checks = {} } = (await readyz.json().catch(() => ({}))) as Readiness;
  const complaints = errors.map(({ pointer, detail }) => `${pointer?.replace(/^\//, '')} ${detail}`);
  return {
    /** The faults that the Worker finds in its variables. */
    complaints: code === 'misconfigured' ? complaints : [],
    /** The parts of /readyz that fail although the variables are right. */
    failing: Object.keys(checks).filter((check) => checks[check] !== 'ok'),
    /** Whether mails are shown instead of sent. */
    hasMailbox: mailbox.ok,
  };
};

type Facts = {
  readonly url: string;
  readonly plan: DatabasePlan;
  readonly embeddedDirectory: string;
  readonly seconds: number;
  readonly state: WorkerState;
};

/** The lines that a person needs once everything runs. */
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

const headline = ({ complaints, failing }: WorkerState): string => {
  if (complaints.length > 0) return 'Ready, but misconfigured';
  return failing.length > 0 ? `Ready, but without: ${failing.join(', ')}` : 'Ready';
};

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

import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../program/cli.ts';
import { causeOf } from '../program/reason.ts';
import { printable } from '../program/terminal.ts';

/** A first build on a slow machine takes most of a minute. */
const waitForMs = 120_000;

/**
 * Resolves once the Worker answers, or `signal` is aborted.
 *
 * @throws CliError with the last reason, when it does not answer in time
 */
export const waitForWorker = async (
  url: string,
  signal: AbortSignal,
  limitMs: number = waitForMs,
): Promise<void> => {
  const deadline = performance.now() + limitMs;
  let reason = '';
  while (!signal.aborted) {
    if (performance.now() > deadline)
      throw new CliError(`The Worker has not answered at ${url} for ${limitMs / 1000} seconds: ${reason}`);
    const limit = AbortSignal.timeout(5000);
    try {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.any([signal, limit]) });
      await answer.body?.cancel();
      if (answer.ok) return;
      reason = `GET /healthz is answered ${answer.status}`;
    } catch (error) {
      reason = printable(causeOf(error as Error).message);
    }
    await sleep(50);
  }
};

const cronEveryMs = 3_600_000;
/** As long as the platform lets a scheduled run go on; a run that is cut short leaves its work to the next lease. */
const cronLimitMs = 900_000;

/**
 * Stands in for the platform's cron trigger, which no local server has: calls the Worker's scheduled handler at once and
 * then every hour, until `signal` is aborted. The Worker logs the result.
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

export type WorkerState = Awaited<ReturnType<typeof readWorkerState>>;

export const readWorkerState = async (url: string) => {
  const get = (path: string) =>
    fetch(`${url}${path}`, { signal: AbortSignal.timeout(15_000) }).catch((error: Error) => {
      throw new CliError(`The Worker does not answer at ${url}${path}: ${printable(causeOf(error).message)}`);
    });
  const answers = async (path: string) => {
    const answer = await get(path);
    await answer.body?.cancel();
    return answer.ok;
  };
  const [readyz, hasAccountPage, hasMailbox] = await Promise.all([
    get('/readyz'),
    answers('/account'),
    answers('/dev/mailbox'),
  ]);
  const { code, errors = [], checks = {} } = (await readyz.json().catch(() => ({}))) as Readiness;
  const complaints = errors.map(({ pointer, detail }) => `${pointer?.replace(/^\//, '')} ${detail}`);
  return {
    /** The faults that the Worker finds in its variables. */
    complaints: code === 'misconfigured' ? complaints : [],
    /** The parts of /readyz that fail although the variables are right. */
    failing: Object.keys(checks).filter((check) => checks[check] !== 'ok'),
    /** Whether mails are shown instead of sent. */
    hasMailbox,
    /** Whether there are pages to log in at. */
    hasAccountPage,
  };
};

import { setTimeout as sleep } from 'node:timers/promises';

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

type Readiness = {
  code?: string;
  errors?: { pointer?: string; detail?: string }[];
  checks?: Record<string, string>;
};

export type WorkerState = {
  /** What the Worker finds wrong with its variables; empty where nothing is. */
  readonly complaints: readonly string[];
  /** The parts of /readyz that fail although the variables are right. */
  readonly failing: readonly string[];
  /** Whether mails are shown instead of sent. */
  readonly hasMailbox: boolean;
};

const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(5000) });

export const readWorkerState = async (url: string): Promise<WorkerState> => {
  const [readyz, mailbox] = await Promise.all([get(`${url}/readyz`), get(`${url}/dev/mailbox`)]);
  await mailbox.body?.cancel();
  const { code, errors = [], checks = {} } = (await readyz.json().catch(() => ({}))) as Readiness;
  return {
    complaints:
      code === 'misconfigured'
        ? errors.map(({ pointer, detail }) => `${pointer?.replace(/^\//, '')} ${detail}`)
        : [],
    failing: Object.keys(checks).filter((check) => checks[check] !== 'ok'),
    hasMailbox: mailbox.ok,
  };
};

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

type Problem = { code?: string; errors?: { pointer?: string; detail?: string }[] };

/** What the Worker says is wrong with its variables; empty when it is content. */
export const readComplaints = async (url: string): Promise<string[]> => {
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) });
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  if (problem.code !== 'misconfigured') return [];
  return (problem.errors ?? []).map(({ pointer, detail }) => `${pointer?.replace(/^\//, '')} ${detail}`);
};

import { setTimeout as sleep } from 'node:timers/promises';

const everyMs = 60_000;
/** As long as the platform lets a scheduled run go on: one that is broken off leaves its work to the next lease. */
const limitMs = 900_000;

/**
 * Does what the platform does by wrangler.toml's trigger, which no local server does: calls the Worker's scheduled
 * handler, at once and then every minute, until `signal` is aborted. What it has to say is in the Worker's log.
 */
export const runCron = async (url: string, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(limitMs)]) };
    const answer = await fetch(`${url}/cdn-cgi/local/scheduled`, options).catch(() => null);
    await answer?.body?.cancel();
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
};

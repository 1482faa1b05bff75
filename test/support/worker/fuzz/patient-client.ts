import { vi } from 'vitest';
import { type Client, createClient } from '../client.ts';

/**
 * A client of an app that never gives up: a machine that is busy with other things is no failure of the service,
 * and workerd has no room for the timers of ten thousand requests at a time. What hangs, the test's own limit ends.
 */
export const createPatientClient = (): Client => {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => new AbortController().signal);
  return createClient({ RATE_LIMIT_MAX: '1000' });
};

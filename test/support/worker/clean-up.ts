import { afterAll, vi } from 'vitest';
import { silenceAlarms } from './agenda.ts';

silenceAlarms();

// All files share one workerd, so nothing that one of them stands in for may outlast it.
afterAll(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

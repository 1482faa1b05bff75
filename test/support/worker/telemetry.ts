import { beforeEach, vi } from 'vitest';

/** Telemetry gathers for this long after a response, and the clients of the tests wait until all is sent. */
const flushEveryMs = 1_000;

/** Lets telemetry be sent at once in each test of the file. */
export const sendTelemetryAtOnce = (): void => {
  const { wait } = scheduler;
  beforeEach(() => {
    vi.spyOn(scheduler, 'wait').mockImplementation((ms, options) =>
      wait.call(scheduler, ms === flushEveryMs ? 0 : ms, options),
    );
    return () => vi.mocked(scheduler.wait).mockRestore();
  });
};

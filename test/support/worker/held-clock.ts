import { expect, vi } from 'vitest';

/** Sends a request whose answer must wait for a time of the clock, and checks that it does. @returns the answer */
export const answeredByTheClock = async (ms: number, send: () => Promise<Response>): Promise<Response> => {
  const clock = Promise.withResolvers<void>();
  const { wait } = scheduler;
  const waits = vi
    .spyOn(scheduler, 'wait')
    .mockImplementation((given) => (given === ms ? clock.promise : wait.call(scheduler, given)));
  let isAnswered = false;
  const request = send().finally(() => {
    isAnswered = true;
  });
  await vi.waitFor(() => expect(waits).toHaveBeenCalledWith(ms));
  await new Promise((resolve) => setTimeout(resolve, 100)); // far longer than the statement takes
  expect(isAnswered).toBe(false);
  clock.resolve();
  return request.finally(() => waits.mockRestore());
};

import { createMiddleware } from 'hono/factory';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';

/**
 * Ends a request when its signal fires, whatever it waits for; its database and outgoing calls listen to the
 * same signal. What was committed stays, and the client is told so by the 504.
 */
export const timeout = createMiddleware<AppEnv>(async function timeout(c, next) {
  const { signal } = c.var.ctx;
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const end = () => reject(new AppError('timeout'));
  signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([next(), tooLate]);
  } finally {
    signal.removeEventListener('abort', end);
  }
});

import { createMiddleware } from 'hono/factory';
import type { AppEnv } from '../http/app-env.ts';

/** Hono's onError is not called for a thrown value that is no Error: it would leave the Worker as it is. */
export const onlyErrors = createMiddleware<AppEnv>(async function onlyErrors(_, next) {
  try {
    await next();
  } catch (thrown) {
    throw thrown instanceof Error ? thrown : new Error('a thrown value was not an Error', { cause: thrown });
  }
});

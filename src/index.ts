import type { Hono } from 'hono';
import { createApp } from './app.ts';
import { type Bindings, createContainer } from './container.ts';
import type { AppEnv } from './http/app-env.ts';

export { LoginGuard } from './durable-objects/login-guard.ts';
export { RateLimiter } from './durable-objects/rate-limiter.ts';

/** One app per isolate: the platform hands every request of an isolate the same bindings. */
const apps = new WeakMap<Bindings, Hono<AppEnv>>();

const appOf = (bindings: Bindings): Hono<AppEnv> => {
  const existing = apps.get(bindings);
  if (existing) return existing;
  const app = createApp(createContainer(bindings));
  apps.set(bindings, app);
  return app;
};

export default {
  fetch: (request, bindings, execution) => appOf(bindings).fetch(request, bindings, execution),
} satisfies ExportedHandler<Bindings>;

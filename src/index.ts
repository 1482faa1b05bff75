import { AgendaObject } from './agenda/agenda-object.ts';
import type { Bindings } from './container.ts';
import { AuthServiceEntrypoint } from './rpc/routes/auth-service.ts';
import { createWorker } from './worker.ts';

export { LoginGuard } from './login-guard/login-guard-object.ts';
export { RateLimiter } from './platform/rate-limiter/rate-limiter-object.ts';
export { MetricsGatherer } from './platform/telemetry/metrics-object.ts';
export { SessionGate } from './sessions/session-gate-object.ts';

/** One per isolate: the platform hands every event of an isolate the same bindings. */
const workers = new WeakMap<Bindings, ReturnType<typeof createWorker>>();

const workerOf = (bindings: Bindings) => {
  const existing = workers.get(bindings);
  if (existing) return existing;
  const worker = createWorker(bindings);
  workers.set(bindings, worker);
  return worker;
};

/** Does the work that is due, as the cron does. */
export class Agenda extends AgendaObject<Bindings> {
  protected override work = () => workerOf(this.env).jobs.due(this.ctx);
}

/** What other Workers of the same account call. */
export class AuthService extends AuthServiceEntrypoint<Bindings> {
  protected override rpc = () => workerOf(this.env).rpc;
}

export default {
  fetch: (request, bindings, execution) => workerOf(bindings).app.fetch(request, bindings, execution),
  queue: (batch, bindings, execution) => workerOf(bindings).jobs.queue(batch, execution),
  scheduled: (_, bindings, execution) => workerOf(bindings).jobs.scheduled(execution),
} satisfies ExportedHandler<Bindings>;

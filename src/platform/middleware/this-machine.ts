import { createMiddleware } from 'hono/factory';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { respondWithProblem } from '../http/problem.ts';
import { isLoopback } from '../rules/network.ts';

const refusal = new AppError('misconfigured', {
  detail:
    'This environment is for local work: its secrets are public, so it answers at localhost only. To publish it, set BACKEND_ENV=production and every variable that it then asks for.',
  errors: [
    { pointer: '/BACKEND_ENV', code: 'misconfigured', detail: 'names an environment for local work only' },
  ],
});

/**
 * A lenient service answers at host names of this machine alone, so that a deployment by mistake publishes nothing, and
 * the DNS of a foreign page leads nowhere (DNS rebinding). The URL parser has read the host as browsers do.
 */
export const onlyThisMachine = ({ strict }: { readonly strict: boolean }) =>
  createMiddleware<AppEnv>(async function onlyThisMachine(c, next) {
    if (strict || isLoopback(new URL(c.req.url).hostname)) return next();
    return respondWithProblem(c, refusal);
  });

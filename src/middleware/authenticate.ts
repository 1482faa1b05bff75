import { createMiddleware } from 'hono/factory';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import type { Identify } from '../http/identify.ts';

/** Lets only a good access token through. Whether its session still lives, the route's own statement decides. */
export const authenticate = (identify: Identify) =>
  createMiddleware<AppEnv>(async function authenticate(c, next) {
    const presented = await identify(c);
    switch (presented.kind) {
      case 'none':
        throw new AppError('unauthenticated');
      case 'malformed':
        throw presented.error;
      case 'invalid':
        throw new AppError('unauthenticated', {
          detail: 'The access token is not valid.',
          tokenRejected: true,
        });
      case 'expired':
        throw new AppError('token_expired');
      case 'valid': {
        const { userId, sessionId } = presented.claims;
        c.set('ctx', { ...c.var.ctx, actor: { userId, sessionId, source: presented.source } });
      }
    }
    await next();
  });

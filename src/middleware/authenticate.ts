import { createMiddleware } from 'hono/factory';
import type { AccessVerdict } from '../domain/access-token.ts';
import { AppError } from '../errors.ts';
import { accessCredential, type CredentialConfig } from '../http/access-credential.ts';
import type { AppEnv } from '../http/app-env.ts';

type Deps = {
  readonly verifyAccessToken: (token: string, now: Date) => Promise<AccessVerdict>;
  readonly credential: CredentialConfig;
};

/** Lets only a good access token through. Whether its session still lives, the route's own statement decides. */
export const authenticate = ({ verifyAccessToken, credential }: Deps) =>
  createMiddleware<AppEnv>(async function authenticate(c, next) {
    const presented = accessCredential(c, credential);
    if (!presented) throw new AppError('unauthenticated');
    const verdict = await verifyAccessToken(presented.token, c.var.ctx.now);
    switch (verdict.kind) {
      case 'invalid':
        throw new AppError('unauthenticated', {
          detail: 'The access token is not valid.',
          tokenRejected: true,
        });
      case 'expired':
        throw new AppError('token_expired');
      case 'valid': {
        const { userId, sessionId } = verdict.claims;
        c.set('ctx', { ...c.var.ctx, actor: { userId, sessionId, source: presented.source } });
      }
    }
    await next();
  });

import type { Context } from 'hono';
import type { AppEnv } from '../platform/http/app-env.ts';
import { respondWithGoOn } from '../platform/http/page-response.tsx';
import { route, type Web } from '../platform/http/route.ts';
import { createReplaceSession, keepTokens } from '../sessions/http.ts';
import type { Sessions } from '../sessions/service.ts';
import { keepAttempt, readAttempt } from './http.ts';
import {
  IdentityList,
  IdentityParams,
  identityResponse,
  ProviderParams,
  SsoAnswerQuery,
  SsoStartQuery,
} from './schema.ts';
import type { Sso } from './service.ts';

/** The way to a provider and back. */
export const ssoRoutes = (
  { sso: { start, finish }, sessions }: { readonly sso: Sso; readonly sessions: Pick<Sessions, 'logout'> },
  { config, identify, site }: Web,
) => {
  const { cookies } = config;
  const replaceSession = createReplaceSession(sessions.logout, identify, config);
  /** A redirect chain from another site sends no cookie of SameSite=Strict, but a page of ours that continues does. */
  const goOn = (c: Context<AppEnv>, returnTo: string) => {
    if (cookies.sameSite !== 'strict') return c.redirect(returnTo, 303);
    return respondWithGoOn(c, site, 'You are logged in', returnTo);
  };

  return [
    route(
      {
        method: 'GET',
        path: '/auth/oauth/:provider',
        summary: 'Log in or sign up by a provider: redirects the browser there',
        description:
          'Lead the browser here by a link, not by fetch. After the login it ends at `return_to`, with the session cookies set.',
        tag: 'sessions',
        access: 'anyone',
        rate: 'oauth',
        params: ProviderParams,
        query: SsoStartQuery,
        answers: {
          302: { description: 'To the provider; a cookie of its own keeps the attempt for ten minutes' },
        },
        errors: ['not_found', 'validation_failed'],
        budget: { trips: 0, objects: 1 },
      },
      async (c, ctx) => {
        const { provider: providerId } = c.req.valid('param');
        const { return_to: returnTo = null } = c.req.valid('query');
        const { location, ...attempt } = await start(ctx, { providerId, returnTo });
        await keepAttempt(c, cookies, attempt);
        return c.redirect(location, 302);
      },
    ),
    route(
      {
        method: 'GET',
        path: '/auth/oauth/:provider/callback',
        summary: 'The address to which the provider sends the browser back',
        description:
          'Register this address at the provider. Only the browser that began the attempt can finish it, and no client calls it by itself.',
        tag: 'sessions',
        access: 'anyone',
        rate: 'oauth',
        params: ProviderParams,
        query: SsoAnswerQuery,
        answers: {
          303: { description: 'Logged in; cookies are set. The same request again sets none' },
          200: {
            description: 'The same as a page that continues, where cookies are SameSite=Strict',
            mediaType: 'text/html',
          },
        },
        errors: [
          'duplicate_cookie',
          'oauth_failed',
          'account_disabled',
          'email_not_verified',
          'not_found',
          'email_taken',
          'conflict',
          'validation_failed',
        ],
        budget: { trips: 1, objects: 1 },
      },
      async (c, ctx) => {
        const answer = new URL(c.req.url).searchParams;
        const attempt = await readAttempt(c, cookies, answer.get('state') ?? '');
        const presented = await identify(c);
        const loggedIn = await finish(ctx, {
          providerId: c.req.valid('param').provider,
          sealed: attempt.sealed,
          sessionId: presented.kind === 'valid' ? presented.claims.sessionId : null,
          answer,
        }).catch((error: unknown) => {
          // The attempt is over, whatever its outcome: the provider accepts a code once.
          if (attempt.sealed !== null) attempt.replace(null);
          throw error;
        });
        const { returnTo } = loggedIn;
        if (loggedIn.kind === 'repeated') return goOn(c, returnTo);
        attempt.replace(loggedIn.sealedResult);
        await replaceSession(c);
        keepTokens(c, config, loggedIn.tokens);
        return goOn(c, returnTo);
      },
    ),
  ];
};

export const identityRoutes = ({ list, unlink }: Sso) => [
  route(
    {
      method: 'GET',
      path: '/users/me/identities',
      summary: 'List your identities at providers, oldest first',
      description: 'For a page where people see by which providers they can log in.',
      tag: 'accounts',
      access: 'session',
      answers: { 200: { description: 'All of them', schema: IdentityList } },
      errors: ['account_disabled', 'email_not_verified'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => c.json({ items: (await list(ctx)).map(identityResponse), next_cursor: null }, 200),
  ),
  route(
    {
      method: 'DELETE',
      path: '/users/me/identities/:id',
      summary: 'Remove an identity from your account; 409 for the last way to log in',
      description:
        'The account stays. A session that the identity has opened lives until it ends or is ended.',
      tag: 'accounts',
      access: 'session',
      params: IdentityParams,
      answers: { 204: { description: 'Removed' } },
      errors: ['account_disabled', 'email_not_verified', 'not_found', 'conflict', 'validation_failed'],
      budget: { trips: 1, objects: 1 },
    },
    async (c, ctx) => {
      await unlink(ctx, c.req.valid('param').id);
      return c.body(null, 204);
    },
  ),
];

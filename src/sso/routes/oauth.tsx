import type { Context } from 'hono';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import { respondWithPage } from '../../platform/http/page-response.tsx';
import { route, type Web } from '../../platform/http/route.ts';
import { setAttemptCookie, setSessionCookies } from '../../sessions/http.ts';
import { GoOn } from '../pages/go-on.tsx';
import { ProviderParams, SignOnAnswerQuery, StartSignOnQuery } from '../schema.ts';
import type { SignedOn, SignOnAnswer } from '../service/finish.ts';
import type { SignOnStart } from '../service/start.ts';

export type SignOnServices = {
  readonly start: (
    ctx: RequestContext,
    request: { providerId: string; returnTo: string | null },
  ) => Promise<SignOnStart>;
  readonly finish: (ctx: RequestContext, answer: SignOnAnswer) => Promise<SignedOn>;
};

/** The way to a provider and back. */
export const oauthRoutes = ({ start, finish }: SignOnServices, { config: { cookies }, site }: Web) => {
  /** A redirect that began at another site sends no cookie of SameSite=Strict; a page of ours does, when it goes on. */
  const goOn = (c: Context<AppEnv>, returnTo: string) => {
    if (cookies.sameSite !== 'strict') return c.redirect(returnTo, 303);
    c.header('Refresh', `0; url=${returnTo}`);
    return respondWithPage(c, site, {
      heading: 'You are logged in',
      content: <GoOn returnTo={returnTo} />,
    });
  };

  return [
    route(
      {
        method: 'GET',
        path: '/auth/oauth/:provider',
        summary: 'Log in or sign up by a provider: redirects the browser there',
        tag: 'sessions',
        access: 'anyone',
        rate: 'oauth',
        params: ProviderParams,
        query: StartSignOnQuery,
        answers: {
          302: { description: 'To the provider; a cookie keeps the attempt for ten minutes' },
        },
        errors: ['not_found', 'validation_failed'],
      },
      async (c, ctx) => {
        const { provider: providerId } = c.req.valid('param');
        const { return_to: returnTo = null } = c.req.valid('query');
        const { location, sealed } = await start(ctx, { providerId, returnTo });
        setAttemptCookie(c, cookies, sealed);
        return c.redirect(location, 302);
      },
    ),
    route(
      {
        method: 'GET',
        path: '/auth/oauth/:provider/callback',
        summary: 'The address to which the provider sends the browser back',
        tag: 'sessions',
        access: 'anyone',
        rate: 'oauth',
        params: ProviderParams,
        query: SignOnAnswerQuery,
        answers: {
          303: { description: 'Logged in; cookies are set' },
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
      },
      async (c, ctx) => {
        const sealed = readSingleCookie(c, cookies.attemptName);
        // The browser has done with the attempt, whatever comes of it; the provider takes a code once.
        if (sealed !== null) setAttemptCookie(c, cookies, null);
        const { tokens, returnTo } = await finish(ctx, {
          providerId: c.req.valid('param').provider,
          sealed,
          answer: new URL(c.req.url).searchParams,
        });
        c.set('userId', tokens.account.id);
        setSessionCookies(c, cookies, tokens);
        return goOn(c, returnTo);
      },
    ),
  ];
};

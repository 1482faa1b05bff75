import { type Context, Hono } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import { respondWithPage } from '../../platform/http/page-response.tsx';
import { validate } from '../../platform/http/validate.ts';
import type { Site } from '../../platform/pages/site.ts';
import { setAttemptCookie, setSessionCookies } from '../../sessions/http/cookies.ts';
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

/** The way to a provider and back, under `/auth/oauth`. */
export const oauthRoutes = (
  { start, finish }: SignOnServices,
  { cookies }: Pick<Config, 'cookies'>,
  site: Site,
) => {
  /** A redirect that began at another site sends no cookie of SameSite=Strict; a page of ours does, when it goes on. */
  const goOn = (c: Context<AppEnv>, returnTo: string) => {
    if (cookies.sameSite !== 'strict') return c.redirect(returnTo, 303);
    c.header('Refresh', `0; url=${returnTo}`);
    return respondWithPage(c, site, {
      heading: 'You are logged in',
      content: <GoOn returnTo={returnTo} />,
    });
  };

  return new Hono<AppEnv>()
    .get('/:provider', validate('param', ProviderParams), validate('query', StartSignOnQuery), async (c) => {
      const { provider: providerId } = c.req.valid('param');
      const { return_to: returnTo = null } = c.req.valid('query');
      const { location, sealed } = await start(c.var.ctx, { providerId, returnTo });
      setAttemptCookie(c, cookies, sealed);
      return c.redirect(location, 302);
    })
    .get(
      '/:provider/callback',
      validate('param', ProviderParams),
      validate('query', SignOnAnswerQuery),
      async (c) => {
        const sealed = readSingleCookie(c, cookies.attemptName);
        // Whatever comes of it, this browser has done with the attempt; the provider takes a code once.
        if (sealed !== null) setAttemptCookie(c, cookies, null);
        const { tokens, returnTo } = await finish(c.var.ctx, {
          providerId: c.req.valid('param').provider,
          sealed,
          answer: new URL(c.req.url).searchParams,
        });
        c.set('userId', tokens.account.id);
        setSessionCookies(c, cookies, tokens);
        return goOn(c, returnTo);
      },
    );
};

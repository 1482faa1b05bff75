import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { AppError } from '../errors.ts';
import { ErrorContent } from '../pages/error-content.tsx';
import { sentenceOf } from '../pages/failure.ts';
import { Page, type PageContent } from '../pages/page.tsx';
import { homeOf, type Site } from '../pages/site.ts';
import type { AppEnv } from './app-env.ts';
import { usePagePolicy } from './content-security-policy.ts';
import { requestIdOf, setFailureHeaders } from './problem.ts';

const respond = (
  c: Context<AppEnv>,
  site: Site,
  page: PageContent,
  status: ContentfulStatusCode,
): Response | Promise<Response> => {
  // Without any referrer a browser says `Origin: null` of a form, even on its own site (Fetch standard, 3.2);
  // this policy names the origin and never the path, so a link's token stays where it is.
  c.header('Referrer-Policy', 'strict-origin');
  const home = homeOf(site, c.req.url);
  return c.html(<Page {...page} site={site} home={home} nonce={usePagePolicy(c)} />, status);
};

/** A page for people. After a failure it has the failure's status and headers. */
export const respondWithPage = (c: Context<AppEnv>, site: Site, page: PageContent) => {
  const error = page.failure?.error;
  if (error) setFailureHeaders(c, error);
  return respond(c, site, page, error?.status ?? 200);
};

/** What `respondWithProblem` is for programs. */
export const respondWithErrorPage = (c: Context<AppEnv>, site: Site, error: AppError) => {
  setFailureHeaders(c, error);
  const reasons = error.errors.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`);
  const content = <ErrorContent sentence={sentenceOf(error)} reasons={reasons} requestId={requestIdOf(c)} />;
  return respond(c, site, { heading: error.title, content }, error.status);
};

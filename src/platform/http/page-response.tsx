import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type * as z from 'zod';
import type { RequestContext } from '../context.ts';
import { AppError, findAppError } from '../errors.ts';
import { type Failure, sentenceOf } from '../pages/failure.ts';
import { ErrorContent, GoOnContent, Page, type PageContent } from '../pages/page.tsx';
import { homeOf, type Site } from '../pages/site.ts';
import type { AppEnv } from './app-env.ts';
import { bufferBody } from './body.ts';
import { usePagePolicy } from './content-security-policy.ts';
import { requestIdOf, setFailureHeaders } from './problem.ts';
import { type Reasons, withReasons } from './reasons.ts';
import { parse } from './validate.ts';

const respond = (
  c: Context<AppEnv>,
  site: Site,
  page: PageContent,
  status: ContentfulStatusCode,
): Response | Promise<Response> => {
  // Without a referrer a browser sends `Origin: null` with a form, even to its own site (Fetch standard, 3.2). This policy
  // sends the origin and never the path, so the token of a link does not leak.
  c.header('Referrer-Policy', 'strict-origin');
  const home = homeOf(site, c.req.url);
  return c.html(<Page {...page} site={site} home={home} nonce={usePagePolicy(c, page.hasWidget)} />, status);
};

/** Answers a page. After a failure it has the failure's status and headers. */
export const respondWithPage = (c: Context<AppEnv>, site: Site, page: PageContent) => {
  const error = page.failure?.error;
  if (error) setFailureHeaders(c, error);
  return respond(c, site, page, error?.status ?? 200);
};

/** Answers a page that goes on to an address by itself: the request that follows is begun by our own page. */
export const respondWithGoOn = (c: Context<AppEnv>, site: Site, heading: string, address: string) => {
  c.header('Refresh', `0; url=${address.startsWith('/') ? site.basePath : ''}${address}`);
  return respondWithPage(c, site, { heading, content: <GoOnContent address={address} /> });
};

/** Answers a failure as a page. */
export const respondWithErrorPage = (c: Context<AppEnv>, site: Site, error: AppError) => {
  setFailureHeaders(c, error);
  const reasons = error.errors.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`);
  const content = <ErrorContent sentence={sentenceOf(error)} reasons={reasons} requestId={requestIdOf(c)} />;
  return respond(c, site, { heading: error.title, content }, error.status);
};

type PageForm<Schema extends z.ZodType, Ctx extends RequestContext> = {
  /** The name of the form on its page. */
  readonly name: string;
  readonly schema: Schema;
  /** Finds more reasons where the schema refuses the form. */
  readonly reasons?: Reasons<Ctx>;
  /** @returns the address of the next page */
  readonly submit: (c: Context<AppEnv>, body: z.output<Schema>, ctx: Ctx) => Promise<string>;
  /** Shows the page again, with the failure. */
  readonly again: (c: Context<AppEnv>, failure: Failure) => Response | Promise<Response>;
};

/** Secrets stay as they are; other fields lose the white space that a phone or a copy adds. */
const isSecret = (name: string): boolean => /password|token/.test(name);

const readFields = (body: ArrayBuffer): Record<string, string> =>
  Object.fromEntries(
    [...new URLSearchParams(new TextDecoder().decode(body))].map(([name, value]) => [
      name,
      isSecret(name) ? value : value.trim(),
    ]),
  );

/**
 * The handler of a form that works without a script. Success is a redirect, so that a reload does not send the form twice;
 * a failure that the person can correct shows the page again; any other failure goes to the error page.
 */
export const pageForm =
  <Schema extends z.ZodType, Ctx extends RequestContext = RequestContext>({
    name,
    schema,
    reasons,
    submit,
    again,
  }: PageForm<Schema, Ctx>) =>
  async (c: Context<AppEnv>, ctx: Ctx): Promise<Response> => {
    await bufferBody(c, 'form');
    const values = readFields(await c.req.arrayBuffer());
    const parsed = async () => {
      try {
        return parse(schema, values);
      } catch (refusal) {
        throw refusal instanceof AppError ? await withReasons(refusal, reasons, ctx, values) : refusal;
      }
    };
    try {
      const place = await submit(c, await parsed(), ctx);
      return c.redirect(place, 303);
    } catch (thrown) {
      const error = findAppError(thrown);
      if (!error || error.status >= 500) throw thrown;
      return again(c, { form: name, values, error });
    }
  };

import type { Context, ErrorHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Logger, RequestContext } from '../context.ts';
import { AppError, expectedRefusals } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { respondWithErrorPage } from '../http/page-response.tsx';
import { requestIdOf, respondWithProblem, toAppError } from '../http/problem.ts';
import type { Site } from '../pages/site.ts';
import type { Metrics } from '../rules/metrics.ts';

/** Hono calls onError only for an Error: any other thrown value would leave the Worker unhandled. */
export const onlyErrors = createMiddleware<AppEnv>(async function onlyErrors(_, next) {
  try {
    await next();
  } catch (thrown) {
    throw thrown instanceof Error ? thrown : new Error('a thrown value was not an Error', { cause: thrown });
  }
});

/** Makes the failures of a route error pages. It runs before anything can fail. */
export const forPeople = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeople(c, next) {
    c.set('site', site);
    await next();
  });

export const asksForHtml = (c: Context): boolean => /\btext\/html\b/i.test(c.req.header('Accept') ?? '');

/** Makes the failures of a route error pages for browsers, which ask for HTML, and problems for programs. */
export const forPeopleAndPrograms = (site: Site) =>
  createMiddleware<AppEnv>(async function forPeopleAndPrograms(c, next) {
    if (asksForHtml(c)) c.set('site', site);
    await next();
  });

const respondWithFailure = (c: Context<AppEnv>, error: AppError) =>
  c.var.site ? respondWithErrorPage(c, c.var.site, error) : respondWithProblem(c, error);

type Options = { readonly log: Logger; readonly metrics: Metrics };

/** Answers, logs and counts every failure. */
export const answerFailure =
  ({ log, metrics }: Options): ErrorHandler<AppEnv> =>
  (thrown, c) => {
    const isOver = (c.var.ctx as RequestContext | undefined)?.signal.aborted ?? false;
    // After the time limit the answer is 504; later failures of the request are its consequences.
    const error = isOver ? new AppError('timeout', { cause: thrown }) : toAppError(thrown);
    if (c.var.isTimeoutTold) return c.finalized ? c.res : respondWithFailure(c, error);
    if (isOver) c.set('isTimeoutTold', true);
    metrics.count('itsor_problems_total', { code: error.code });
    const request_id = requestIdOf(c);
    if (expectedRefusals.has(error.code)) log.warn(error.code, { request_id });
    else if (error.status >= 500) log.error(error.code, { request_id, error: thrown });
    return respondWithFailure(c, error);
  };

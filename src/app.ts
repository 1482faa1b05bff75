import { Hono } from 'hono';
import { getPath } from 'hono/utils/url';
import type { Container, Foundation } from './container.ts';
import type { Features } from './features.ts';
import { livenessRoute } from './health/routes.ts';
import type { ConfigProblem } from './platform/config/resolve.ts';
import type { RequestContext } from './platform/context.ts';
import { AppError } from './platform/errors.ts';
import type { AppEnv } from './platform/http/app-env.ts';
import { createIdentify } from './platform/http/identify.ts';
import { createPaths } from './platform/http/matched-route.ts';
import { respondWithProblem } from './platform/http/problem.ts';
import { createRatePolicies } from './platform/http/rate-policies.ts';
import { mount } from './platform/http/route.ts';
import { underBasePath } from './platform/middleware/base-path.ts';
import { type CorsOptions, cors, csrf, securityHeaders } from './platform/middleware/browser-security.ts';
import {
  answerFailure,
  asksForHtml,
  forPeople,
  forPeopleAndPrograms,
  onlyErrors,
} from './platform/middleware/failures.ts';
import { accessLog, observe } from './platform/middleware/observe.ts';
import { rateLimit } from './platform/middleware/rate-limit.ts';
import { requestContext, timeout } from './platform/middleware/request-context.ts';
import { onlyThisMachine } from './platform/middleware/this-machine.ts';
import { siteOf } from './platform/pages/site.ts';
import { createRoutePath, plainPath } from './platform/rules/base-path.ts';
import { isLoopback } from './platform/rules/network.ts';
import { createOriginCheck } from './platform/rules/origins.ts';
import { checksumHeader } from './platform/rules/storage.ts';
import { createRoutes, pagePaths } from './routes.ts';

type BaseOptions = CorsOptions & {
  readonly timeoutMs: number;
  readonly strict: boolean;
  readonly logSampleRatio: number;
  readonly basePath: string;
  readonly isRoute: (path: string) => boolean;
};

/** What every request passes, whatever it asks for. */
const createBase = (
  { log, clock, newRequestId, telemetry, random }: Foundation,
  { timeoutMs, strict, logSampleRatio, basePath, isRoute, ...origins }: BaseOptions,
) => {
  const routePathOf = createRoutePath(basePath, isRoute);
  // Routing, limits, logs and errors all see the path that this returns.
  const app = new Hono<AppEnv>({ getPath: (request) => routePathOf(getPath(request)) });
  app.use(
    requestContext({ log, clock, newRequestId, timeoutMs }),
    underBasePath(basePath),
    observe(telemetry),
    accessLog({ clock, random, sampleRatio: logSampleRatio }),
    securityHeaders({ strict }),
    onlyThisMachine({ strict }),
    cors(origins),
    onlyErrors,
  );
  app.onError(answerFailure({ log, metrics: telemetry.metrics }));
  return app;
};

/** The app, and the routes that it was made of. */
export const createApp = (container: Container, features: Features) => {
  const { config, limiter, accessTokens, bindings } = container;
  const { limits, origins, jwt, cookies } = config;
  const credential = { ...jwt, cookieName: cookies.sessionName };
  const identify = createIdentify({ verifyAccessToken: accessTokens.verify, credential });
  const isAllowedOrigin = createOriginCheck(origins);
  const site = siteOf(origins);
  const routes = createRoutes(
    features,
    { config, identify, site },
    { jwks: accessTokens.jwks, asset: (path) => bindings.ASSETS.fetch(`https://assets.local${path}`) },
  );
  const { isRoute, noRoute } = createPaths(routes);
  const routePathOf = createRoutePath(origins.basePath, isRoute);
  const hasPages = jwt.locations.cookie;

  const app = createBase(container, {
    timeoutMs: limits.requestTimeoutMs,
    logSampleRatio: config.log.sampleRatio,
    strict: config.environment.strict,
    basePath: origins.basePath,
    isRoute,
    isAllowedOrigin,
    requestHeaders: ['Authorization', jwt.headerName, checksumHeader, ...origins.allowedHeaders],
  })
    .on('ALL', hasPages ? [...pagePaths] : [], forPeople(site))
    .on('ALL', hasPages ? ['/auth/oauth/*'] : [], forPeopleAndPrograms(site))
    .use(timeout)
    .use(rateLimit({ limiter, policyOf: createRatePolicies(limits.rate, routes), identify }))
    .use(csrf({ isAllowedOrigin, apiOrigin: origins.api && new URL(origins.api).origin, credential }));
  mount(app, routes, identify);
  app.notFound((c) => {
    // Nothing is served at a second address: a rule of a proxy would not cover it, nor would the path of a cookie.
    const { path } = c.req;
    const plain = plainPath(path);
    const meant = plain === path ? '' : routePathOf(plain);
    if (isRoute(meant)) {
      const { search } = new URL(c.req.url);
      // Hono has decoded the path, all but the per cent sign.
      return c.redirect(`${encodeURI(meant).replaceAll('%25', '%')}${search}`, 308);
    }
    if (hasPages && asksForHtml(c)) c.set('site', site);
    throw noRoute(c.req.path);
  });
  return { app, routes };
};

type ConfigRefusal = {
  readonly problems: readonly ConfigProblem[];
  readonly strict: boolean;
  /** Writes an audit event; null where the database is what is misconfigured. */
  readonly recordRefusal: ((ctx: RequestContext) => Promise<void>) | null;
};

/** For a person who has started wrangler alone, where wrangler.toml names production. */
const localHint = 'For local work, npm run dev starts everything, in an environment that is named local.';

/** Answers 503 to everything but `/healthz`: half a service would be a wrong answer. */
export const createRefusingApp = (
  foundation: Foundation,
  { problems, strict, recordRefusal }: ConfigRefusal,
): Hono<AppEnv> => {
  const errors = problems.map(({ variable, detail }) => ({
    pointer: `/${variable}`,
    code: 'misconfigured',
    detail,
  }));
  const names = [...new Set(problems.map(({ variable }) => variable))].join(', ');
  const refusalOf = (detail: string) =>
    new AppError('misconfigured', { detail, errors, retryAfterSeconds: 60 });
  const wrong = `These variables are not right: ${names}.`;
  const [refusal, localRefusal] = [refusalOf(wrong), refusalOf(`${wrong} ${localHint}`)];
  const base = {
    timeoutMs: 10_000,
    logSampleRatio: 1,
    strict,
    basePath: '',
    isRoute: () => false,
    isAllowedOrigin: () => false,
    requestHeaders: [],
  };
  let isRecorded = recordRefusal === null;

  const app = createBase(foundation, base);
  mount(app, [livenessRoute], async () => ({ kind: 'none' }));
  return app.notFound((c) => {
    if (!isRecorded && recordRefusal) c.var.ctx.defer('record the refusal', recordRefusal(c.var.ctx));
    isRecorded = true;
    const isLocal = isLoopback(new URL(c.req.url).hostname);
    return respondWithProblem(c, isLocal ? localRefusal : refusal);
  });
};

import { type Context, Hono } from 'hono';
import { accountPageRoutes } from './accounts/routes/account-pages.tsx';
import { meRoutes, readMe } from './accounts/routes/me.ts';
import { pagePaths } from './accounts/routes/page-services.ts';
import { userRoutes } from './administration/routes.ts';
import { auditRoutes } from './audit/routes.ts';
import type { Container, Foundation } from './container.ts';
import { docsRoutes } from './docs/routes.tsx';
import { emailRoutes } from './emails/routes/emails.ts';
import { linkPageRoutes } from './emails/routes/link-pages.tsx';
import type { Features } from './features.ts';
import { flagRoutes } from './flags/routes.ts';
import { healthRoutes, livenessRoutes } from './health/routes.ts';
import { devMailboxRoutes } from './mail/routes.tsx';
import { metricsRoutes } from './metrics/routes.ts';
import { passwordRoutes } from './passwords/routes.ts';
import type { ConfigProblem } from './platform/config/scope.ts';
import type { RequestContext } from './platform/context.ts';
import { AppError, expectedRefusals } from './platform/errors.ts';
import type { AppEnv } from './platform/http/app-env.ts';
import { createIdentify } from './platform/http/identify.ts';
import { createNoRoute } from './platform/http/methods.ts';
import { respondWithErrorPage } from './platform/http/page-response.tsx';
import { requestIdOf, respondWithProblem, toAppError } from './platform/http/problem.ts';
import { createRatePolicies } from './platform/http/rate-policies.ts';
import { accessLog } from './platform/middleware/access-log.ts';
import { authenticate, createRequirePermission } from './platform/middleware/authenticate.ts';
import { type CorsOptions, cors } from './platform/middleware/cors.ts';
import { csrf } from './platform/middleware/csrf.ts';
import { forPeople, forPeopleAndPrograms } from './platform/middleware/for-people.ts';
import { observe } from './platform/middleware/observe.ts';
import { onlyErrors } from './platform/middleware/only-errors.ts';
import { rateLimit } from './platform/middleware/rate-limit.ts';
import { requestContext } from './platform/middleware/request-context.ts';
import { securityHeaders } from './platform/middleware/security-headers.ts';
import { timeout } from './platform/middleware/timeout.ts';
import { siteOf } from './platform/pages/site.ts';
import { checksumHeader } from './platform/rules/storage.ts';
import { roleRoutes } from './roles/routes.ts';
import { authRoutes } from './sessions/routes/auth.ts';
import { sessionRoutes } from './sessions/routes/sessions.ts';
import { wellKnownRoutes } from './sessions/routes/well-known.ts';
import { identityRoutes } from './sso/routes/identities.ts';
import { oauthRoutes } from './sso/routes/oauth.tsx';
import { uploadRoutes } from './uploads/routes/uploads.ts';
import { webhookRoutes } from './uploads/routes/webhooks.ts';

const respondWithFailure = (c: Context<AppEnv>, error: AppError) =>
  c.var.site ? respondWithErrorPage(c, c.var.site, error) : respondWithProblem(c, error);

type BaseOptions = CorsOptions & {
  readonly timeoutMs: number;
  readonly strict: boolean;
  readonly logSampleRatio: number;
};

/** What every request passes, whatever it asks for. */
const createBase = (
  { log, clock, newRequestId, telemetry, random }: Foundation,
  { timeoutMs, strict, logSampleRatio, ...origins }: BaseOptions,
) => {
  const app = new Hono<AppEnv>();
  app.use(
    requestContext({ log, clock, newRequestId, timeoutMs }),
    observe(telemetry),
    accessLog({ clock, random, sampleRatio: logSampleRatio }),
    securityHeaders({ strict }),
    cors(origins),
    onlyErrors,
  );
  app.onError((thrown, c) => {
    const isOver = (c.var.ctx as RequestContext | undefined)?.signal.aborted ?? false;
    // After the time limit the answer is 504, and its own calls that fail then, in whatever way, are no news.
    const error = isOver ? new AppError('timeout', { cause: thrown }) : toAppError(thrown);
    if (c.var.isTimeoutTold) return c.finalized ? c.res : respondWithFailure(c, error);
    if (isOver) c.set('isTimeoutTold', true);
    telemetry.metrics.count('itsor_problems_total', { code: error.code });
    const request_id = requestIdOf(c);
    if (expectedRefusals.has(error.code)) log.warn(error.code, { request_id });
    else if (error.status >= 500) log.error(error.code, { request_id, error: thrown });
    return respondWithFailure(c, error);
  });
  return app.route('/', livenessRoutes());
};

export const createApp = (container: Container, services: Features): Hono<AppEnv> => {
  const { config, limiter } = container;
  const { account, session, password, email, administration } = services;
  const { limits, origins } = config;
  const credential = { ...config.jwt, cookieName: config.cookies.sessionName };
  const identify = createIdentify({ verifyAccessToken: container.accessTokens.verify, credential });
  const login = authenticate(identify);
  const requirePermission = createRequirePermission(identify);
  const allowedOrigins = origins.allowed;

  const site = siteOf(origins.appUrl);
  // Pages log in by cookies, and where those are not accepted there are none.
  const pages = config.jwt.locations.cookie;

  const app = createBase(container, {
    timeoutMs: limits.requestTimeoutMs,
    logSampleRatio: config.log.sampleRatio,
    strict: config.environment.strict,
    allowedOrigins,
    requestHeaders: ['Authorization', config.jwt.headerName, checksumHeader],
  })
    .on('ALL', pages ? [...pagePaths] : [], forPeople(site))
    .on('ALL', pages ? ['/auth/oauth/*'] : [], forPeopleAndPrograms(site))
    .use(timeout)
    .use(rateLimit({ limiter, policyOf: createRatePolicies(limits.rate), identify }))
    .use(csrf({ allowedOrigins, credential }))
    .route('/', healthRoutes(services.health))
    .route(
      '/',
      docsRoutes({ asset: (path: string) => container.bindings.ASSETS.fetch(`https://assets.local${path}`) }),
    )
    .route('/flags', flagRoutes(config.flags))
    .route('/.well-known', wellKnownRoutes({ jwks: container.accessTokens.jwks }))
    .route('/auth', authRoutes({ ...account, ...session }, config, identify))
    .get('/auth/me', login, readMe(account))
    .route('/auth/password', passwordRoutes(password, config, login))
    .route('/auth/email', emailRoutes(email, config, { login, identify }))
    .route('/auth/sessions', sessionRoutes(session, config, login))
    .route('/users/me', meRoutes(account, config, login))
    .route('/users/me/identities', identityRoutes(services.identity, login))
    .route(
      '/users',
      userRoutes({ ...administration.users, listUploads: services.uploads.listOf }, requirePermission),
    )
    .route('/', roleRoutes(administration.roles, requirePermission))
    .route('/audit', auditRoutes(administration.audit, requirePermission))
    .route('/uploads', uploadRoutes(services.uploads, login))
    .route('/webhooks', webhookRoutes(services.uploads));

  if (pages) {
    const reader = { identify, site };
    app.route('/auth/oauth', oauthRoutes(services.identity, config, site));
    app.route(
      '/',
      accountPageRoutes({ account, session, password, email, identity: services.identity }, config, reader),
    );
    app.route('/', linkPageRoutes({ password, email }, config, reader));
  }

  if (services.metrics) app.route('/', metricsRoutes(services.metrics));

  const { mailbox } = services.mail;
  if (mailbox) app.route('/dev', devMailboxRoutes({ mailbox }, origins));

  const noRoute = createNoRoute(app);
  return app.notFound((c) => {
    throw noRoute(c.req.path);
  });
};

type ConfigRefusal = {
  readonly problems: readonly ConfigProblem[];
  readonly strict: boolean;
  /** Writes an audit event; null where the database is what is misconfigured. */
  readonly recordRefusal: ((ctx: RequestContext) => Promise<void>) | null;
};

/** Answers nothing but `/healthz`: half a service would be a wrong answer. */
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
  const refusal = new AppError('misconfigured', {
    detail: `These variables are not right: ${names}.`,
    errors,
    retryAfterSeconds: 60,
  });
  const base = { timeoutMs: 10_000, logSampleRatio: 1, strict, allowedOrigins: [], requestHeaders: [] };
  let isRecorded = recordRefusal === null;

  return createBase(foundation, base).notFound((c) => {
    if (!isRecorded && recordRefusal) c.var.ctx.defer('record the refusal', recordRefusal(c.var.ctx));
    isRecorded = true;
    return respondWithProblem(c, refusal);
  });
};

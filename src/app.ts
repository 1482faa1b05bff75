import { type Context, Hono } from 'hono';
import type { Container, Foundation, Services } from './container.ts';
import type { RequestContext } from './context.ts';
import { checksumHeader } from './domain/storage.ts';
import { AppError, expectedRefusals } from './errors.ts';
import type { AppEnv } from './http/app-env.ts';
import { createIdentify } from './http/identify.ts';
import { createNoRoute } from './http/methods.ts';
import { respondWithErrorPage } from './http/page-response.tsx';
import { requestIdOf, respondWithProblem, toAppError } from './http/problem.ts';
import { createRatePolicies } from './http/rate-policies.ts';
import { accessLog } from './middleware/access-log.ts';
import { authenticate, createRequirePermission } from './middleware/authenticate.ts';
import { type CorsOptions, cors } from './middleware/cors.ts';
import { csrf } from './middleware/csrf.ts';
import { forPeople, forPeopleAndPrograms } from './middleware/for-people.ts';
import { observe } from './middleware/observe.ts';
import { onlyErrors } from './middleware/only-errors.ts';
import { rateLimit } from './middleware/rate-limit.ts';
import { requestContext } from './middleware/request-context.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { timeout } from './middleware/timeout.ts';
import { siteOf } from './pages/site.ts';
import { accountPageRoutes } from './routes/account-pages.tsx';
import { auditRoutes } from './routes/audit.ts';
import { authRoutes } from './routes/auth.ts';
import { devMailboxRoutes } from './routes/dev-mailbox.tsx';
import { docsRoutes } from './routes/docs.tsx';
import { emailRoutes } from './routes/email.ts';
import { flagRoutes } from './routes/flags.ts';
import { healthRoutes, livenessRoutes } from './routes/health.ts';
import { identityRoutes } from './routes/identities.ts';
import { linkPageRoutes } from './routes/link-pages.tsx';
import { meRoutes, readMe } from './routes/me.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { oauthRoutes } from './routes/oauth.tsx';
import { pagePaths } from './routes/page-services.ts';
import { passwordRoutes } from './routes/password.ts';
import { roleRoutes } from './routes/roles.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { userRoutes } from './routes/users.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { wellKnownRoutes } from './routes/well-known.ts';

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

const createReadyApp = (foundation: Foundation, services: Services): Hono<AppEnv> => {
  const { config, account, session, password, email, administration, verifyAccessToken, limiter } = services;
  const { limits, origins } = config;
  const credential = { ...config.jwt, cookieName: config.cookies.sessionName };
  const identify = createIdentify({ verifyAccessToken, credential });
  const login = authenticate(identify);
  const requirePermission = createRequirePermission(identify);
  const allowedOrigins = origins.allowed;

  const site = siteOf(origins.appUrl);
  // Pages log in by cookies, and where those are not accepted there are none.
  const pages = config.jwt.locations.cookie;

  const app = createBase(foundation, {
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
    .route('/', docsRoutes({ asset: services.asset }))
    .route('/flags', flagRoutes(config.flags))
    .route('/.well-known', wellKnownRoutes({ jwks: services.jwks }))
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

/** Answers nothing but `/healthz`: half a service would be a wrong answer. */
const createRefusingApp = (container: Extract<Container, { kind: 'misconfigured' }>): Hono<AppEnv> => {
  const { problems, strict, recordRefusal } = container;
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

  return createBase(container, base).notFound((c) => {
    if (!isRecorded && recordRefusal) c.var.ctx.defer('record the refusal', recordRefusal(c.var.ctx));
    isRecorded = true;
    return respondWithProblem(c, refusal);
  });
};

export const createApp = (container: Container): Hono<AppEnv> =>
  container.kind === 'ready' ? createReadyApp(container, container.services) : createRefusingApp(container);

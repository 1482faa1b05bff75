import type { Context, Hono, Input, MiddlewareHandler, TypedResponse } from 'hono';
import type { StatusCode } from 'hono/utils/http-status';
import type * as z from 'zod';
import type { Config } from '../config/schema.ts';
import { type PermittedContext, type RequestContext, type SessionContext, withFacts } from '../context.ts';
import type { ErrorCode } from '../errors.ts';
import type { Site } from '../pages/site.ts';
import type { Permission } from '../rules/permissions.ts';
import { publicMaxAgeSeconds } from '../rules/public-documents.ts';
import type { AppEnv } from './app-env.ts';
import { hasBodyOf } from './body.ts';
import { actorOf, type Identify } from './identify.ts';
import type { RateClass } from './rate-policies.ts';
import type { Reasons } from './reasons.ts';
import { validate } from './validate.ts';

/** The parts that the routes of every feature need. */
export type Web = { readonly config: Config; readonly identify: Identify; readonly site: Site };

/**
 * The callers of a route: `anyone`; `optional`, anyone, but a live session changes the answer; `session`, a live session;
 * `callback_secret`, the scanner; or a permission, which the account of a live session must hold.
 */
export type Access = 'anyone' | 'optional' | 'session' | 'callback_secret' | Permission;

export type Answer = {
  readonly description: string;
  /** Absent: no body, or one that is not JSON. */
  readonly schema?: z.ZodType;
  readonly mediaType?: string;
};

type Common = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: `/${string}`;
  readonly access: Access;
  /** The rate class of the route; `default` where it is absent. */
  readonly rate?: RateClass | 'unlimited';
};

/** Checks who calls, before any input is read. It throws a refusal. */
type Admit = (c: Context<AppEnv>) => Promise<void>;

/** One route of the API. It defines the app, its validation, its limits, the OpenAPI document and the tests. */
export type Description = Common & {
  /** One line, for lists. */
  readonly summary: string;
  /** One to three sentences for the author of a client: when to call it, and what is special about it. */
  readonly description: string;
  readonly tag: 'accounts' | 'sessions' | 'administration' | 'uploads' | 'service';
  /** Served in local environments only, and left out of the document. */
  readonly isLocal?: true;
  /** Required where the access is `callback_secret`: what the caller has to show is the feature's own. */
  readonly admit?: Admit;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly json?: z.ZodType;
  /** Finds more reasons where `json` refuses the body, so that a person learns of all of them at once. */
  readonly reasons?: Reasons<never>;
  /** A form of OAuth 2; its errors also have the members of RFC 6749. */
  readonly oauthForm?: z.ZodType;
  /** The body is a file. */
  readonly bytes?: true;
  readonly answers: { readonly [Status in StatusCode]?: Answer };
  /** The preconditions that the route takes (RFC 9110 section 13.1). */
  readonly conditional?: readonly ('If-Match' | 'If-None-Match')[];
  /** The route hands out ranges of bytes (RFC 9110 section 14). */
  readonly ranged?: true;
  /** The answer has an ETag. */
  readonly tagged?: true;
  /** Errors beyond those that every route can answer with. */
  readonly errors: readonly ErrorCode[];
  /** Database round trips and Durable Object calls of a usual successful request; a test counts them. */
  readonly budget: { readonly trips: number; readonly objects: number };
};

/** A document or a sign of life: it is the same for everybody, and costs the service next to nothing. */
export const publicDocument = {
  method: 'GET',
  tag: 'service',
  access: 'anyone',
  rate: 'unlimited',
  errors: [],
  budget: { trips: 0, objects: 0 },
} as const satisfies Partial<Description>;

/** Of documents that are the same for every client. */
export const publicCacheControl = `public, max-age=${publicMaxAgeSeconds}`;

/** A route whose answers, failures included, are pages. */
export type PageDescription = Common & {
  readonly tag: 'pages';
  /** Runs before the access check, and may answer instead of the page. */
  readonly before?: MiddlewareHandler<AppEnv>;
};

/** The names by which a handler reads its input: `c.req.valid('param')`. */
type Targets = { params: 'param'; query: 'query'; json: 'json'; oauthForm: 'form' };

type InputOf<D> = {
  in: {
    [Key in keyof D & keyof Targets as Targets[Key]]: D[Key] extends z.ZodType ? z.input<D[Key]> : never;
  };
  out: {
    [Key in keyof D & keyof Targets as Targets[Key]]: D[Key] extends z.ZodType ? z.output<D[Key]> : never;
  };
};

/** The context of a request that has passed the access check of its route. */
type ContextFor<A extends Access> = A extends Permission
  ? PermittedContext
  : A extends 'session'
    ? SessionContext
    : RequestContext;

/** The typed answers of a description: a body that does not fit its schema is a type error. */
type AnswerOf<D> = D extends { readonly answers: infer Answers }
  ? {
      [Status in keyof Answers]: Answers[Status] extends { readonly schema: infer Schema extends z.ZodType }
        ? TypedResponse<z.input<Schema>, Status & StatusCode, 'json'>
        : Answers[Status] extends { readonly mediaType: string }
          ? Response
          : TypedResponse<unknown, Status & StatusCode, string>;
    }[keyof Answers]
  : Response;

type HandlerOf<D extends Common> = (
  c: Context<AppEnv, string, InputOf<D>>,
  ctx: ContextFor<D['access']>,
) => AnswerOf<D> | Promise<AnswerOf<D>>;

export type Route = (Description | PageDescription) & {
  readonly handler: (c: Context<AppEnv>, ctx: RequestContext) => Response | Promise<Response>;
};

/** Describes a route of the API. The handler gets validated input by `c.req.valid`, and a context that fits the access. */
export const route = <const D extends Description>(description: D, handler: HandlerOf<D>): Route => ({
  ...description,
  // `mount` validates the input and checks the access before it calls the handler.
  handler: handler as never,
});

/** Describes a route of the pages. */
export const page = <const D extends Omit<PageDescription, 'tag'>>(
  description: D,
  handler: (c: Context<AppEnv, string, Input>, ctx: ContextFor<D['access']>) => Response | Promise<Response>,
): Route => ({ ...description, tag: 'pages', handler: handler as never });

const isPermission = (access: Access): access is Permission => access.includes(':');

/**
 * Requires a valid access token, and sets the permission that its account must hold. The route's own statement checks the
 * session and the current roles in the database, never those of the token: a demotion counts on the next request.
 */
const authenticate =
  (identify: Identify, requiredPermission: Permission | null): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const actor = actorOf(await identify(c));
    c.set('ctx', withFacts(c.var.ctx, { actor, requiredPermission }));
    await next();
  };

const admission =
  (admit: Admit): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    await admit(c);
    await next();
  };

const markOAuthForm: MiddlewareHandler<AppEnv> = async (c, next) => {
  c.set('isOAuthForm', true);
  await next();
};

const bodyValidation = ({ json, reasons, oauthForm }: Description): MiddlewareHandler<AppEnv>[] => {
  // The access check before it has made the context one of the kind that `reasons` takes.
  const accepted = oauthForm ? (['form', 'json'] as const) : undefined;
  const validateJson = json && validate('json', json, reasons as Reasons | undefined, accepted);
  const validateForm = oauthForm && validate('form', oauthForm, undefined, json ? accepted : undefined);
  if (!validateForm) return validateJson ? [validateJson] : [];
  if (!validateJson) return [markOAuthForm, validateForm];
  return [
    async (c, next) => {
      if (!hasBodyOf(c, 'form')) return validateJson(c, next);
      c.set('isOAuthForm', true);
      return validateForm(c, next);
    },
  ];
};

const middlewareOf = (described: Route, identify: Identify): MiddlewareHandler<AppEnv>[] => {
  const { access } = described;
  const login =
    access === 'session' || isPermission(access)
      ? [authenticate(identify, isPermission(access) ? access : null)]
      : [];
  if (described.tag === 'pages') return [...(described.before ? [described.before] : []), ...login];
  const { params, query, admit } = described;
  if (access === 'callback_secret' && !admit) throw new Error(`${described.path} checks no secret`);
  return [
    ...login,
    ...(admit ? [admission(admit)] : []),
    ...(params ? [validate('param', params)] : []),
    ...(query ? [validate('query', query)] : []),
    ...bodyValidation(described),
  ];
};

/** Adds the routes to the app: access first, then path, query and body, then the handler. */
export const mount = (app: Hono<AppEnv>, routes: readonly Route[], identify: Identify): void => {
  for (const described of routes) {
    const { method, path, handler } = described;
    app.on(method, [path], ...middlewareOf(described, identify), (c) => handler(c, c.var.ctx));
  }
};

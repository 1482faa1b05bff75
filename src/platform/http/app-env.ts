import type { Actor, RequestContext } from '../context.ts';
import type { AppError } from '../errors.ts';
import type { Site } from '../pages/site.ts';
import type { AccessVerdict } from '../rules/access-token.ts';
import type { SessionAnswer } from '../rules/session-answer.ts';

/** The access token of a request, checked without the database. */
export type Presented =
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly error: AppError }
  | (AccessVerdict & Pick<Actor, 'source'>);

/** Hono's environment: the container keeps the bindings, and `ctx` has the facts of a request. */
export type AppEnv = {
  Variables: {
    ctx: RequestContext;
    /** The id of the request's trace, for the log; null where the request is not traced. */
    traceId: string | null;
    /** The result of `identify`, once a caller has asked. */
    presented?: Presented;
    /** Whether the rate limiter's Durable Object answered; unset on routes without a limit. */
    limiterAnswered?: boolean;
    /** What the session gate knows of the token's session; unset where it was not asked or could not be reached. */
    sessionAnswer?: SessionAnswer;
    /** A page that needs no session has found a live one. */
    sessionLives?: boolean;
    /** The request is a form of OAuth 2, whose errors also have the members of RFC 6749. */
    isOAuthForm?: boolean;
    /** The request has timed out, and this is already logged and answered. */
    isTimeoutTold?: boolean;
    /** The account whose access token the request carries, or to which the answer gives tokens; for the log. */
    userId?: string;
    /** The site of the pages; set where failures are answered by pages. */
    site?: Site;
    /** The path under which the API is published; unset before the configuration is known. */
    basePath?: string;
  };
};

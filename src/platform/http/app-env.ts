import type { RequestContext } from '../context.ts';
import type { Site } from '../pages/site.ts';
import type { Presented } from './identify.ts';

/** Hono's environment: the bindings stay with the container, the facts of a request are in `ctx`. */
export type AppEnv = {
  Variables: {
    ctx: RequestContext;
    /** Of the trace that the request belongs to; for the log. Null where it is not traced. */
    traceId: string | null;
    /** What `identify` found, once it was asked. */
    presented?: Presented;
    /** Whether the rate limiter's Durable Object answered; unset on routes without a limit. */
    limiterAnswered?: boolean;
    /** A page that serves people without a session too has found one that lives. */
    sessionLives?: boolean;
    /** The request is one of OAuth 2, whose errors have RFC 6749's members too. */
    isOAuthForm?: boolean;
    /** The request has run out of time, and that is logged and answered. */
    isTimeoutTold?: boolean;
    /** Whose token the request carries, or was given; for the log. */
    userId?: string;
    /** Set where people read the answers, failures included: whom the pages speak for. */
    site?: Site;
  };
};

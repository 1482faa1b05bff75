import { createMiddleware } from 'hono/factory';
import type { Logger } from '../context.ts';
import { AppError } from '../errors.ts';
import type { AppEnv } from '../http/app-env.ts';
import { clientAddress } from '../http/client-address.ts';

const requestIdShape = /^[A-Za-z0-9._-]{1,128}$/;
const maxUserAgentLength = 512;

/** The lifetime of an upload URL. A client that sends a byte now and then holds a connection no longer than this. */
const longestStreamMs = 900_000;

/** The text cut to the length of its column; `toWellFormed` repairs a surrogate pair that the cut has halved. */
const toText = (value: string | undefined): string | null =>
  value?.replaceAll('\0', '').slice(0, maxUserAgentLength).toWellFormed() || null;

type Options = {
  readonly log: Logger;
  readonly clock: () => Date;
  readonly newRequestId: () => string;
  readonly timeoutMs: number;
};

/** Creates the context of a request. It keeps the caller's own X-Request-ID if that has a harmless form. */
export const requestContext = ({ log, clock, newRequestId, timeoutMs }: Options) =>
  createMiddleware<AppEnv>(async function requestContext(c, next) {
    const given = c.req.header('X-Request-ID') ?? '';
    const requestId = requestIdShape.test(given) ? given : newRequestId();
    c.header('X-Request-ID', requestId);

    const defer = (name: string, work: Promise<unknown>) => {
      const settled = work.catch((error: unknown) =>
        log.error(`deferred: ${name}`, { request_id: requestId, error }),
      );
      c.executionCtx.waitUntil(settled);
    };
    const arrivedMs = clock().getTime();
    const ending = new AbortController();
    const startTimer = (ms: number) =>
      setTimeout(() => ending.abort(new DOMException('the request timed out', 'TimeoutError')), ms);
    let timer = startTimer(timeoutMs);
    const keepAlive = (ms: number) => {
      if (clock().getTime() - arrivedMs > longestStreamMs) return;
      clearTimeout(timer);
      timer = startTimer(ms);
    };
    c.set('ctx', {
      requestId,
      get now() {
        return clock();
      },
      ...clientAddress(c.req.raw.headers),
      userAgent: toText(c.req.header('User-Agent')),
      actor: null,
      requiredPermission: null,
      signal: ending.signal,
      keepAlive,
      log,
      defer,
    });
    // AbortSignal.timeout would keep running after the request has ended.
    await next().finally(() => clearTimeout(timer));
  });

/**
 * Ends a request with 504 when its signal fires, whatever it waits for; its database and outgoing calls listen to the
 * same signal. Committed changes stay.
 */
export const timeout = createMiddleware<AppEnv>(async function timeout(c, next) {
  const { signal } = c.var.ctx;
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const end = () => reject(new AppError('timeout'));
  signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([next(), tooLate]);
  } finally {
    signal.removeEventListener('abort', end);
  }
});

import { createMiddleware } from 'hono/factory';
import type { Logger } from '../context.ts';
import type { AppEnv } from '../http/app-env.ts';
import { clientAddress } from '../http/client-address.ts';

const requestIdShape = /^[A-Za-z0-9._-]{1,128}$/;
const maxUserAgentLength = 512;

/** As long as an upload URL serves: whoever sends a byte now and then holds a connection no longer. */
const longestStreamMs = 900_000;

/** As much as the database keeps; well-formed after the cut, which may have halved a surrogate pair. */
const toText = (value: string | undefined): string | null =>
  value?.replaceAll('\0', '').slice(0, maxUserAgentLength).toWellFormed() || null;

type Deps = {
  readonly log: Logger;
  readonly clock: () => Date;
  readonly newRequestId: () => string;
  readonly timeoutMs: number;
};

/** Gathers the facts of a request, once; the caller's own X-Request-ID is kept where it can do no harm. */
export const requestContext = ({ log, clock, newRequestId, timeoutMs }: Deps) =>
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
    const startTimer = () =>
      setTimeout(() => ending.abort(new DOMException('the request timed out', 'TimeoutError')), timeoutMs);
    let timer = startTimer();
    const keepAlive = () => {
      if (clock().getTime() - arrivedMs > longestStreamMs) return;
      clearTimeout(timer);
      timer = startTimer();
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
    // Not AbortSignal.timeout: it would run on after a request that took milliseconds.
    await next().finally(() => clearTimeout(timer));
  });

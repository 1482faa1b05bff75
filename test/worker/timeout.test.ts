import { Hono } from 'hono';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AppEnv } from '../../src/platform/http/app-env.ts';
import { respondWithProblem, toAppError } from '../../src/platform/http/problem.ts';
import { requestContext, timeout } from '../../src/platform/middleware/request-context.ts';
import { createClient, newAccount, newEmail, password, silentQueue } from '../support/worker/client.ts';

const timeoutMs = 200;
const client = createClient({ REQUEST_TIMEOUT_MS: String(timeoutMs) });
const never = () => new Promise<never>(() => undefined);

let bearer = '';
beforeAll(async () => {
  bearer = (await newAccount(createClient({ MAIL_QUEUE: silentQueue }))).access_token;
});
afterEach(() => void vi.restoreAllMocks());

/** A database that accepts the request and never answers. @returns the signals of its calls */
const hangDatabase = ({ listens }: { listens: boolean }): (AbortSignal | null | undefined)[] => {
  const signals: (AbortSignal | null | undefined)[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation((_, init) => {
    const signal = init?.signal;
    signals.push(signal);
    if (!listens) return never();
    return new Promise((__, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  });
  return signals;
};

const elapsedMs = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};

describe('a request that takes longer than REQUEST_TIMEOUT_MS', () => {
  // Proves ASVS 14.2.2; ASVS 16.3.4; RFC 9110, 15.6.5.
  it('ends with 504, and its call to the database is aborted', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const signals = hangDatabase({ listens: true });
    const response = await client('GET', '/auth/me', { bearer, headers: { 'X-Request-ID': 'slow' } });

    expect(response.status).toBe(504);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(response.headers.get('Cache-Control')).toBe('no-store');
    expect(await response.json()).toEqual({
      type: '/docs/errors#timeout',
      title: 'Timed out',
      status: 504,
      detail:
        'The request took too long. It may have been carried out all the same: check before you send it again.',
      code: 'timeout',
      request_id: 'slow',
    });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)).message)).toEqual(['timeout']);
  });

  it('is logged once as a timeout, however its own work fails after the answer', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const failed = vi.fn();
    const assets = async () => {
      await new Promise((resolve) => setTimeout(resolve, timeoutMs + 50));
      failed();
      throw new Error('the assets are gone');
    };
    const late = createClient({
      REQUEST_TIMEOUT_MS: String(timeoutMs),
      ASSETS: { fetch: assets } as never,
    });
    expect((await late('GET', '/docs/assets/swagger-ui.css')).status).toBe(504);
    await vi.waitFor(() => expect(failed).toHaveBeenCalled());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(log.mock.calls.map(([line]) => JSON.parse(String(line)).message)).toEqual(['timeout']);
  });

  // Proves ASVS 15.2.2.
  it('ends in time even if its work ignores the signal', async () => {
    hangDatabase({ listens: false });
    const request = async () => expect((await client('GET', '/auth/me', { bearer })).status).toBe(504);
    const ms = await elapsedMs(request);
    expect(ms).toBeGreaterThanOrEqual(timeoutMs - 5);
    expect(ms).toBeLessThan(timeoutMs + 1_000);
  });

  it.each([
    ['POST', '/auth/signup', { json: { email: newEmail(), password } }],
    ['POST', '/auth/token', { json: { email: newEmail(), password } }],
    ['POST', '/auth/revoke', { form: { token: 'x' }, bearer: 'x' }],
  ])('sets no cookie: %s %s', async (method, path, init) => {
    hangDatabase({ listens: true });
    const slow = createClient({
      REQUEST_TIMEOUT_MS: String(timeoutMs),
      RATE_LIMITER: { getByName: () => ({ hit: never }) } as never,
    });
    const response = await slow(method, path, init);
    expect(response.status).toBe(504);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  it('ends while its body is still arriving', async () => {
    const body = new ReadableStream({ pull: never });
    const headers = { 'Content-Type': 'application/json' };
    expect((await client('POST', '/auth/signup', { body, headers })).status).toBe(504);
  });

  it('leaves the isolate able to answer the next request', async () => {
    hangDatabase({ listens: true });
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(504);
    vi.restoreAllMocks();
    expect((await client('GET', '/auth/me', { bearer })).status).toBe(200);
  });

  it('does not keep the liveness probe from answering', async () => {
    const stuck = createClient({ RATE_LIMITER: { getByName: () => ({ hit: never }) } as never });
    expect(await elapsedMs(() => stuck('GET', '/healthz'))).toBeLessThan(timeoutMs);
  });
});

describe('the timeout', () => {
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const appThat = (work: (signal: AbortSignal) => Promise<unknown>) =>
    new Hono<AppEnv>()
      .use(requestContext({ log, clock: () => new Date(), newRequestId: () => 'id', timeoutMs: 50 }), timeout)
      .onError((error, c) => respondWithProblem(c, toAppError(error)))
      .get('/', async (c) => {
        await work(c.var.ctx.signal);
        c.header('Set-Cookie', 'late=1');
        return c.json({ late: true });
      });
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('does not change an answer in time', async () => {
    const response = await appThat(() => pause(1)).request('/');
    expect(await response.json()).toEqual({ late: true });
  });

  it('stays when a handler answers later', async () => {
    const response = await appThat(() => pause(120)).request('/');
    await pause(150);
    expect(response.status).toBe(504);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await response.json()).toMatchObject({ code: 'timeout' });
  });

  it('swallows a later error of a handler', async () => {
    const rejections = vi.fn();
    addEventListener('unhandledrejection', rejections);
    const response = await appThat(async () => {
      await pause(80);
      throw new Error('too late to matter');
    }).request('/');
    await pause(100);
    removeEventListener('unhandledrejection', rejections);
    expect(response.status).toBe(504);
    expect(rejections).not.toHaveBeenCalled();
  });

  it('stops listening once a request is answered', async () => {
    let signal: AbortSignal | undefined;
    const removed = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
    await appThat(async (given) => {
      signal = given;
    }).request('/');
    expect(removed.mock.contexts).toContain(signal);
  });
});

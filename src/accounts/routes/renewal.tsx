import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { AppError, findAppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { drain } from '../../platform/http/body.ts';
import { readCookies, readSingleCookie } from '../../platform/http/cookies.ts';
import { respondWithGoOn } from '../../platform/http/page-response.tsx';
import { page, type Web } from '../../platform/http/route.ts';
import { doneAt, isNotice, type Notice } from '../../platform/pages/notices.ts';
import { clearTokens, keepTokens } from '../../sessions/http.ts';
import type { Sessions } from '../../sessions/service.ts';

const home = '/account';

/** The forms that are sent again after a renewal: a closed list, so that no link leads anywhere else. */
export const renewedForms = [
  '/account/logout',
  '/account/sessions/end',
  '/account/identities/unlink',
  '/account/password',
  '/account/email',
  '/account/code',
] as const;

/** A request that comes from a renewal is not renewed again for so long: a browser may lose the new cookies. */
const restSeconds = 60;

const secondsOf = (c: Context<AppEnv>): number => Math.floor(c.var.ctx.now.getTime() / 1000);
const hasJustRenewed = (c: Context<AppEnv>): boolean =>
  Math.abs(secondsOf(c) - Number(c.req.query('renewed') ?? Number.NaN)) <= restSeconds;
/** An address to go on at after a renewal, or after a failed one. */
const renewedAt = (c: Context<AppEnv>, place: string): string =>
  `${place}${place.includes('?') ? '&' : '?'}renewed=${secondsOf(c)}`;

const isForm = (c: Context<AppEnv>): boolean => c.req.method === 'POST';
const overOf = (c: Context<AppEnv>): Notice => (isForm(c) ? 'not-done' : 'session-over');

/** The notice that a request for the page carries. That of a session which is over would not be true after a renewal. */
const noticeOf = (c: Context<AppEnv>): Notice | null => {
  const name = c.req.query('done');
  return isNotice(name) && name !== 'session-over' && name !== 'not-done' ? name : null;
};

/** Whether a person goes there: another site's image or script would spend a refresh token and lose its answer. */
const isNavigation = (c: Context<AppEnv>): boolean =>
  (c.req.header('Sec-Fetch-Dest') ?? 'document') === 'document';

/** Whether another site has led the browser here. It could stop the navigation before the answer arrives. */
const isLedHere = (c: Context<AppEnv>): boolean =>
  !['same-origin', 'none'].includes(c.req.header('Sec-Fetch-Site') ?? 'none');

/** The address that renews, and then sends the request on to where it came from. */
const renewalOf = (c: Context<AppEnv>): string => {
  const notice = noticeOf(c);
  const query = new URLSearchParams({
    ...(isForm(c) && { to: c.req.path }),
    ...(notice && { done: notice }),
  });
  return query.size === 0 ? '/auth/renew' : `/auth/renew?${query}`;
};

/** Sends a request on: 307 with its method and body, 303 as a GET. */
const sendOn = async (c: Context<AppEnv>, place: string, status: 303 | 307): Promise<Response> => {
  if (c.req.raw.body) await drain(c.req.raw.body).catch(() => {});
  // Under `no-referrer` a browser would send the form on with `Origin: null` (Fetch standard, 3.2).
  c.header('Referrer-Policy', 'strict-origin');
  return c.redirect(place, status);
};

const isRefusal = (error: AppError | undefined): boolean =>
  error?.status === 401 || error?.status === 403 || error?.code === 'duplicate_cookie';

/**
 * Renews the tokens of the account page by the refresh cookie, which a browser sends to `/auth` alone. A page whose access
 * token is over sends the request there and gets it back, form and all.
 */
export const createRenewal = ({ refresh }: Pick<Sessions, 'refresh'>, { config, identify, site }: Web) => {
  const { cookies } = config;

  const needsRenewal = async (c: Context<AppEnv>): Promise<boolean> => {
    if (c.req.method !== 'GET' && !isForm(c)) return false;
    if (!isNavigation(c) || readCookies(c, cookies.renewName).length === 0) return false;
    const presented = await identify(c);
    if (presented.kind === 'none') return true;
    return presented.kind !== 'malformed' && presented.kind !== 'valid' && presented.source === 'cookie';
  };

  const before = createMiddleware<AppEnv>(async function renewFirst(c, next) {
    if (!(await needsRenewal(c))) return next();
    if (hasJustRenewed(c)) {
      if (isNotice(c.req.query('done'))) return next();
      return sendOn(c, renewedAt(c, doneAt(home, overOf(c))), 303);
    }
    return sendOn(c, renewalOf(c), 307);
  });

  const renew = async (c: Context<AppEnv>): Promise<void> => {
    // Another tab may have renewed it meanwhile.
    if ((await identify(c)).kind === 'valid') return;
    const token = readSingleCookie(c, cookies.refreshName);
    if (token === null) throw new AppError('refresh_token_invalid');
    keepTokens(c, config, await refresh(c.var.ctx, token));
  };

  const answer = async (c: Context<AppEnv>): Promise<Response> => {
    if (!isNavigation(c)) throw new AppError('csrf_rejected');
    // The next request is that page's own, which no other site can stop.
    if (!isForm(c) && isLedHere(c)) return respondWithGoOn(c, site, 'One moment', renewalOf(c));
    const notice = noticeOf(c);
    try {
      await renew(c);
    } catch (thrown) {
      if (!isRefusal(findAppError(thrown))) throw thrown;
      clearTokens(c, cookies);
      return sendOn(c, renewedAt(c, doneAt(home, notice ?? overOf(c))), 303);
    }
    const form = isForm(c) ? renewedForms.find((path) => path === c.req.query('to')) : undefined;
    const place = form ?? (notice === null ? home : doneAt(home, notice));
    return sendOn(c, renewedAt(c, place), isForm(c) && form === undefined ? 303 : 307);
  };

  const description = { path: '/auth/renew', access: 'optional', rate: 'refresh' } as const;
  return {
    /** Runs before a page that needs a session. */
    before,
    renewalRoutes: [
      page({ ...description, method: 'GET' }, answer),
      page({ ...description, method: 'POST' }, answer),
    ],
  };
};

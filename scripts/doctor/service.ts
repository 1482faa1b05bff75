import { type Finding, failure, verdict } from './finding.ts';
import { judgeReadiness } from './readiness.ts';

/** What the configuration promises of a service that runs. */
export type Promised = {
  readonly strict: boolean;
  readonly sameSite: string;
  /** Those of the session, by name; none where they are not set. */
  readonly cookieNames: readonly string[];
  readonly allowedOrigin: string | null;
};

const timeoutMs = 15_000;
const foreignOrigin = 'https://not-allowed.invalid';

const call = (url: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new URL(path, url), { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });

/** Only its head counts. */
const callForHead = async (...request: Parameters<typeof call>): Promise<Response> => {
  const response = await call(...request);
  await response.body?.cancel();
  return response;
};

const yearSeconds = 31_536_000;

/** RFC 6797, section 6.1: the directives come in any order, and a value may be quoted. */
const lastsForAYear = (hsts: string): boolean =>
  Number(/(?:^|;)\s*max-age\s*=\s*"?(\d+)"?\s*(?:;|$)/i.exec(hsts)?.[1] ?? 0) >= yearSeconds;

const allowsNothing = (policy: string): boolean =>
  /^default-src 'none'(?:;|$)/.test(policy) && !/unsafe-(?:inline|eval|hashes)/i.test(policy);

const inspectHeaders = async (url: string, { strict }: Promised): Promise<Finding[]> => {
  const { headers } = await callForHead(url, '/healthz');
  const flawed = [
    !allowsNothing(headers.get('Content-Security-Policy') ?? '') && 'Content-Security-Policy',
    headers.get('X-Content-Type-Options') !== 'nosniff' && 'X-Content-Type-Options',
    strict && !lastsForAYear(headers.get('Strict-Transport-Security') ?? '') && 'Strict-Transport-Security',
  ].filter(Boolean);
  return [
    verdict(
      'security headers',
      flawed.length === 0,
      'as they should be',
      `missing or too weak: ${flawed.join(', ')}`,
    ),
  ];
};

/** A logout without a session writes nothing, and clears the cookies with the very attributes that set them. */
const inspectCookies = async (
  url: string,
  { strict, sameSite, cookieNames }: Promised,
): Promise<Finding[]> => {
  const response = await callForHead(url, '/auth/logout', {
    method: 'POST',
    headers: { Origin: new URL(url).origin },
  });
  const cookies = response.headers.getSetCookie();
  if (cookieNames.length === 0)
    return [
      verdict('cookies', cookies.length === 0, 'none, as configured', 'some, though none are to be set'),
    ];
  const flaws = cookies.flatMap((cookie) => {
    const [pair = '', ...attributes] = cookie.split('; ');
    const has = (attribute: string) =>
      attributes.some((each) => each.toLowerCase() === attribute.toLowerCase());
    const name = pair.split('=')[0];
    return [
      !has('HttpOnly') && `${name} lacks HttpOnly`,
      strict && !has('Secure') && `${name} lacks Secure`,
      !has(`SameSite=${sameSite}`) && `${name} is not SameSite=${sameSite}`,
    ].filter((flaw) => flaw !== false);
  });
  const cleared = cookies.map((cookie) => cookie.split('=')[0] ?? '');
  const kept = cookieNames.filter((name) => !cleared.includes(name));
  if (kept.length > 0)
    return [failure('cookies', `${response.status}: a logout does not clear ${kept.join(', ')}`)];
  return [
    verdict('cookies', flaws.length === 0, 'HttpOnly, Secure and SameSite as configured', flaws.join('; ')),
  ];
};

const inspectCors = async (url: string, { allowedOrigin }: Promised): Promise<Finding[]> => {
  const preflight = async (origin: string) => {
    const response = await callForHead(url, '/auth/token', {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
    return response.headers.get('Access-Control-Allow-Origin');
  };
  const foreign = verdict(
    'CORS, foreign',
    (await preflight(foreignOrigin)) === null,
    'another origin is told nothing',
    `${foreignOrigin} is allowed`,
  );
  if (allowedOrigin === null) return [foreign];
  const answered = await preflight(allowedOrigin);
  const own = verdict(
    'CORS, allowed',
    answered === allowedOrigin,
    `${allowedOrigin} may call`,
    `${allowedOrigin} is configured and not allowed`,
  );
  return [own, foreign];
};

/** Asks a service what it really sends. It changes nothing there. */
export const inspectService = async (url: string, promised: Promised): Promise<Finding[]> => {
  try {
    return [
      await judgeReadiness(await call(url, '/readyz')),
      ...(await inspectHeaders(url, promised)),
      ...(await inspectCookies(url, promised)),
      ...(await inspectCors(url, promised)),
    ];
  } catch (error) {
    const { cause, message } = error as Error;
    return [
      failure('service', `${url} does not answer: ${(cause as Error | undefined)?.message ?? message}`),
    ];
  }
};

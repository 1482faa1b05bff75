import { type Finding, failure, ok, verdict, warning } from './finding.ts';

/** What the configuration promises of a service that runs. */
export type Promised = {
  readonly strict: boolean;
  readonly sameSite: string;
  readonly setsCookies: boolean;
  readonly allowedOrigin: string | null;
};

const timeoutMs = 15_000;
const foreignOrigin = 'https://not-allowed.invalid';

const call = (url: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new URL(path, url), { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });

const inspectReadiness = async (url: string): Promise<Finding> => {
  const response = await call(url, '/readyz');
  const body = (await response.json().catch(() => ({}))) as {
    checks?: Record<string, string>;
    detail?: string;
    version?: string;
  };
  const { checks = {}, detail, version } = body;
  const failing = Object.keys(checks)
    .filter((name) => checks[name] !== 'ok')
    .join(', ');
  if (!response.ok) return failure('/readyz', detail ?? `${response.status}: ${failing}`);
  return failing === ''
    ? ok('/readyz', `${Object.keys(checks).join(', ')}; version ${version}`)
    : warning('/readyz', `without: ${failing}`);
};

const inspectHeaders = async (url: string, { strict }: Promised): Promise<Finding[]> => {
  const { headers } = await call(url, '/healthz');
  const missing = [
    !/^default-src 'none'/.test(headers.get('Content-Security-Policy') ?? '') && 'Content-Security-Policy',
    headers.get('X-Content-Type-Options') !== 'nosniff' && 'X-Content-Type-Options',
    strict &&
      !/max-age=\d{8,}/.test(headers.get('Strict-Transport-Security') ?? '') &&
      'Strict-Transport-Security',
  ].filter(Boolean);
  return [
    verdict('security headers', missing.length === 0, 'as they should be', `missing: ${missing.join(', ')}`),
  ];
};

/** A logout without a session writes nothing, and clears the cookies with the very attributes that set them. */
const inspectCookies = async (
  url: string,
  { strict, sameSite, setsCookies }: Promised,
): Promise<Finding[]> => {
  const response = await call(url, '/auth/logout', {
    method: 'POST',
    headers: { Origin: new URL(url).origin },
  });
  const cookies = response.headers.getSetCookie();
  if (!setsCookies)
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
  if (cookies.length < 2) return [failure('cookies', `${response.status}: a logout clears none`)];
  return [
    verdict('cookies', flaws.length === 0, 'HttpOnly, Secure and SameSite as configured', flaws.join('; ')),
  ];
};

const inspectCors = async (url: string, { allowedOrigin }: Promised): Promise<Finding[]> => {
  const preflight = async (origin: string) => {
    const response = await call(url, '/auth/token', {
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
      await inspectReadiness(url),
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

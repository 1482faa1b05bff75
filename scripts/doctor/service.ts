import { reaches } from '../program/cookie-path.ts';
import { type Finding, failure, ok, verdict, warning } from './report.ts';

/** What the configuration promises of a service that runs. */
export type Promised = {
  readonly strict: boolean;
  readonly sameSite: string;
  /** Those of the session, by name; none where they are not set. */
  readonly cookieNames: readonly string[];
  readonly allowedOrigin: string | null;
};

/** Asks a service what it really sends. It changes nothing there. */
export const inspectService = async (url: string, promised: Promised): Promise<Finding[]> => {
  try {
    return [
      await judgeReadiness(await call(url, '/readyz')),
      await inspectHeaders(url, promised),
      await inspectCookies(url, promised),
      ...(await inspectCors(url, promised)),
    ];
  } catch (error) {
    const { cause, message } = error as Error;
    return [
      failure('service', `${url} does not answer: ${(cause as Error | undefined)?.message ?? message}`),
    ];
  }
};

const timeoutMs = 15_000;

const call = (url: string, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}${path}`, { ...init, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });

const callForHead = async (...request: Parameters<typeof call>): Promise<Response> => {
  const response = await call(...request);
  await response.body?.cancel();
  return response;
};

/** The checks of every Itsor; some have more. */
const ownChecks: readonly string[] = ['config', 'database', 'migrations', 'durable_objects', 'hasher'];
const maxBytes = 65_536;

/** An answer of Itsor is no longer than this; that of another service may never end. */
const readStart = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
};

const parseObject = (text: string): Readonly<Record<string, unknown>> => {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
};

/** Judges an answer of /readyz. @throws Error where it does not end in time */
const judgeReadiness = async (response: Response): Promise<Finding> => {
  const { code, detail, version, ...body } = parseObject(await readStart(response));
  if (!response.ok && typeof code === 'string' && typeof detail === 'string')
    return failure('/readyz', `${code}: ${detail}`);
  const checks = Object(body.checks) as Readonly<Record<string, unknown>>;
  const isItsor = typeof version === 'string' && ownChecks.every((name) => typeof checks[name] === 'string');
  if (!isItsor) return failure('/readyz', `${response.status}, and does not answer as Itsor does`);
  const names = Object.keys(checks);
  const failing = names.filter((name) => checks[name] !== 'ok');
  if (!response.ok) return failure('/readyz', `${response.status}: ${failing.join(', ')}`);
  if (failing.some((name) => ownChecks.includes(name)))
    return failure('/readyz', `ready without: ${failing.join(', ')}`);
  return failing.length === 0
    ? ok('/readyz', `${names.join(', ')}; version ${version}`)
    : warning('/readyz', `without: ${failing.join(', ')}`);
};

const yearSeconds = 31_536_000;

/** RFC 6797, section 6.1: the directives come in any order, and a value may be quoted. */
const lastsForAYear = (hsts: string): boolean =>
  Number(/(?:^|;)\s*max-age\s*=\s*"?(\d+)"?\s*(?:;|$)/i.exec(hsts)?.[1] ?? 0) >= yearSeconds;

const allowsNothing = (policy: string): boolean =>
  /^default-src 'none'(?:;|$)/.test(policy) && !/unsafe-(?:inline|eval|hashes)/i.test(policy);

const inspectHeaders = async (url: string, { strict }: Promised): Promise<Finding> => {
  const { headers } = await callForHead(url, '/healthz');
  const flawed = [
    !allowsNothing(headers.get('Content-Security-Policy') ?? '') && 'Content-Security-Policy',
    headers.get('X-Content-Type-Options') !== 'nosniff' && 'X-Content-Type-Options',
    strict && !lastsForAYear(headers.get('Strict-Transport-Security') ?? '') && 'Strict-Transport-Security',
  ].filter(Boolean);
  const flaws = `missing or too weak: ${flawed.join(', ')}`;
  return verdict('security headers', flawed.length === 0, 'as they should be', flaws);
};

/** A logout without a session writes nothing, and clears the cookies with the very attributes that set them. */
const inspectCookies = async (url: string, { strict, sameSite, cookieNames }: Promised): Promise<Finding> => {
  const response = await callForHead(url, '/auth/logout', {
    method: 'POST',
    headers: { Origin: new URL(url).origin },
  });
  const cookies = response.headers.getSetCookie().map((cookie) => {
    const [pair = '', ...attributes] = cookie.split('; ');
    return {
      name: pair.split('=')[0] ?? '',
      path: attributes.find((each) => /^path=/i.test(each))?.slice('path='.length) ?? '/',
      attributes: attributes.map((each) => each.toLowerCase()),
    };
  });
  if (cookieNames.length === 0)
    return verdict(
      'cookies',
      cookies.length === 0,
      'none, as configured',
      'some, though none are configured',
    );
  const kept = cookieNames.filter((wanted) => !cookies.some(({ name }) => name === wanted));
  if (kept.length > 0)
    return failure('cookies', `${response.status}: a logout does not clear ${kept.join(', ')}`);
  const { pathname } = new URL(`${url}/auth/refresh`);
  const flaws = cookies.flatMap(({ name, path, attributes }) =>
    [
      // Others have paths of their own.
      cookieNames.includes(name) &&
        !reaches(path, pathname) &&
        `${name} has Path=${path}, so ${pathname} never gets it; is API_URL ${url}?`,
      !attributes.includes('httponly') && `${name} lacks HttpOnly`,
      strict && !attributes.includes('secure') && `${name} lacks Secure`,
      !attributes.includes(`samesite=${sameSite.toLowerCase()}`) && `${name} is not SameSite=${sameSite}`,
    ].filter((flaw) => flaw !== false),
  );
  const good = 'HttpOnly, Secure and SameSite as configured';
  return verdict('cookies', flaws.length === 0, good, flaws.join('; '));
};

const inspectCors = async (url: string, { allowedOrigin }: Promised): Promise<Finding[]> => {
  const allowed = async (origin: string) => {
    const response = await callForHead(url, '/auth/token', {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    });
    return response.headers.get('Access-Control-Allow-Origin');
  };
  const stranger = 'https://not-allowed.invalid';
  const isClosed = (await allowed(stranger)) === null;
  const foreign = verdict('CORS, foreign', isClosed, 'another origin is refused', `${stranger} is allowed`);
  if (allowedOrigin === null) return [foreign];
  const isOpen = (await allowed(allowedOrigin)) === allowedOrigin;
  const refused = `${allowedOrigin} is configured and not allowed`;
  return [verdict('CORS, allowed', isOpen, `${allowedOrigin} may call`, refused), foreign];
};

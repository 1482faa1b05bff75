import { basePathOf } from '../rules/base-path.ts';
import { requireEach, type Scope } from './resolve.ts';
import type { Settings } from './variables.ts';

const originOf = (host: string, port: number): string => new URL(`http://${host}:${port}`).origin;

/** Addresses to listen on, which nobody visits; all spellings of them, such as `0::0`, are one of these in a URL. */
const everyAddress: readonly string[] = ['0.0.0.0', '[::]'];

/** Where a browser on this machine finds the API. */
export const ownOrigin = ({
  HOST: host,
  BACKEND_PORT: port,
}: Pick<Settings, 'HOST' | 'BACKEND_PORT'>): string =>
  originOf(everyAddress.includes(new URL(`http://${host}`).hostname) ? 'localhost' : host, port);

const localOrigins = ({ HOST: host, FRONTEND_PORT, WEB_PORT }: Settings): readonly string[] => {
  const aliases: Readonly<Record<string, string>> = {
    localhost: '127.0.0.1',
    '127.0.0.1': 'localhost',
    ...Object.fromEntries(everyAddress.map((each) => [each, 'localhost'])),
  };
  const hosts = [host, aliases[host]].filter((each) => each !== undefined);
  return hosts.flatMap((each) => [originOf(each, FRONTEND_PORT), originOf(each, WEB_PORT)]);
};

/** The origin of an app cannot start a link in a mail. */
const isOfTheWeb = (origin: string): boolean => /^https?:/.test(origin);

export const readOrigins = ({ settings, strict, problem }: Scope) => {
  const { ALLOWED_ORIGINS: given = [], APP_URL: appUrl, API_URL: api = null, HOST: host } = settings;
  if (strict) {
    for (const [index, origin] of given.entries()) {
      if (origin.startsWith('http:')) problem('ALLOWED_ORIGINS', `entry ${index + 1} must be https`);
    }
    if (appUrl === undefined) problem('APP_URL', 'is required: links in e-mails start with it');
    else if (!appUrl.startsWith('https:')) problem('APP_URL', 'must be an https URL');
  }
  const ownUrl = api ?? ownOrigin(settings);
  return {
    /** Exact origins that may call with credentials; in local environments the local frontends too. */
    allowed: [...new Set(strict ? given : [...given, ...localOrigins(settings)])],
    /** Headers that pages of these origins may send beside those that the service reads. */
    allowedHeaders: settings.CORS_ALLOWED_HEADERS ?? [],
    /** Whether every origin of this machine may too: the port of a local frontend is its own choice. */
    anyLoopback: !strict,
    /** The API itself as browsers see it behind a proxy, without a slash at its end; null: as each request names it. */
    api,
    /** The path of the API, such as `/api`; empty at the root of its host. */
    basePath: basePathOf(api),
    /** The API itself where no request names it: providers of single sign-on send people back to it. */
    ownUrl,
    /** The start of links in e-mails, without a slash at its end. */
    appUrl: appUrl ?? (strict ? '' : (given.find(isOfTheWeb) ?? ownUrl)),
    /** The host that local servers listen on. */
    host,
  } as const;
};

/** Providers send people back to the API itself, and a login there sets cookies. */
const checkTheWayBack = (scope: Scope): void => {
  const { settings, strict, given, problem, warning } = scope;
  if (strict) {
    requireEach(scope, 'is required with single sign-on: providers send people back to it', ['API_URL']);
    if (settings.API_URL?.startsWith('http:')) problem('API_URL', 'must be an https URL');
  }
  if (settings.JWT_TOKEN_LOCATION.includes('cookies')) return;
  for (const variable of ['OIDC_PROVIDERS', 'GITHUB_CLIENT_ID'] as const) {
    if (given.has(variable))
      warning(variable, 'has no effect: single sign-on logs in by cookies, and JWT_TOKEN_LOCATION has none');
  }
};

export const readSso = (scope: Scope) => {
  const { settings, strict, problem } = scope;
  const {
    OIDC_PROVIDERS: providers = [],
    GITHUB_CLIENT_ID: clientId,
    GITHUB_CLIENT_SECRET: clientSecret,
  } = settings;
  for (const [index, { issuer }] of providers.entries()) {
    if (strict && !/^https:/i.test(issuer))
      problem('OIDC_PROVIDERS', `entry ${index + 1}: issuer must be an https URL`);
  }

  if (clientId) requireEach(scope, 'is required with GITHUB_CLIENT_ID', ['GITHUB_CLIENT_SECRET']);
  if (clientSecret) requireEach(scope, 'is required with GITHUB_CLIENT_SECRET', ['GITHUB_CLIENT_ID']);
  if (clientId && providers.some(({ id }) => id === 'github')) {
    problem('OIDC_PROVIDERS', 'must not use the id github, which GITHUB_CLIENT_ID takes');
  }
  const github = clientId && clientSecret ? { clientId, clientSecret } : null;
  if (providers.length > 0 || github) checkTheWayBack(scope);
  return {
    providers,
    github,
  } as const;
};

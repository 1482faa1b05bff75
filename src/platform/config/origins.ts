import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';
import { list, value } from './values.ts';

export type OriginsConfig = {
  /** Exact origins that may call with credentials; in local environments the local frontends too. */
  readonly allowed: readonly string[];
  /** Where links in e-mails lead, without a slash at its end. */
  readonly appUrl: string;
  /** What local servers listen on. */
  readonly host: string;
};

/** An exact serialized origin (RFC 6454 section 6.2), in the spelling that browsers send. */
const readOrigin = (given: string, fail: (detail: string) => undefined): string | undefined => {
  const url = URL.parse(given);
  if (!url || !/^https?:$/.test(url.protocol)) return fail('must be an http or https origin');
  if (url.username || url.password || !/^https?:\/\/[^/?#\\]+$/i.test(given)) {
    return fail('must be a scheme, a host and a port, with no path and no slash at its end');
  }
  return url.origin;
};

export const origin = value(readOrigin);

export const originList = list((entry, fail) => {
  if (entry === '') return fail('is empty');
  if (entry === 'null') return fail('is null, which every sandboxed page can send');
  if (entry.includes('*')) return fail('has a *; name each origin exactly');
  return readOrigin(entry, fail);
});

const originOf = (host: string, port: number): string => new URL(`http://${host}:${port}`).origin;

/** Where a browser on this machine finds the API; 0.0.0.0 is an address to listen on, not one to visit. */
export const ownOrigin = ({ HOST: host, BACKEND_PORT: port }: Settings): string =>
  originOf(host === '0.0.0.0' ? 'localhost' : host, port);

const localOrigins = ({ HOST: host, FRONTEND_PORT, WEB_PORT }: Settings): readonly string[] => {
  const hosts = ['127.0.0.1', '0.0.0.0'].includes(host) ? [host, 'localhost'] : [host];
  return hosts.flatMap((each) => [originOf(each, FRONTEND_PORT), originOf(each, WEB_PORT)]);
};

export const readOrigins = (settings: Settings, { strict, problem }: Scope): OriginsConfig => {
  const { ALLOWED_ORIGINS: given, APP_URL, HOST: host } = settings;

  if (!strict) {
    return {
      allowed: [...new Set([...given, ...localOrigins(settings)])],
      appUrl: APP_URL ?? given[0] ?? ownOrigin(settings),
      host,
    };
  }

  for (const [index, origin] of given.entries()) {
    if (!origin.startsWith('https:')) problem('ALLOWED_ORIGINS', `entry ${index + 1} must be https`);
  }
  if (APP_URL === undefined) problem('APP_URL', 'is required: where links in e-mails lead');
  else if (!APP_URL.startsWith('https:')) problem('APP_URL', 'must be an https URL');
  return { allowed: [...new Set(given)], appUrl: APP_URL ?? '', host };
};

import { isUnder } from '../rules/base-path.ts';
import { isLoopback } from '../rules/network.ts';

/** The site that pages and mails belong to. */
export type Site = {
  readonly name: string;
  readonly url: string;
  /** The configured URL of the API itself; null where there is none. */
  readonly apiUrl: string | null;
  /** The path of that URL; empty at the root of its host. */
  readonly basePath: string;
};

type Published = { readonly appUrl: string; readonly api: string | null; readonly basePath: string };

export const siteOf = ({ appUrl, api, basePath }: Published): Site => ({
  name: new URL(appUrl).host,
  url: appUrl,
  apiUrl: api,
  basePath,
});

/**
 * The URL of the API, for URLs in answers. A proxy that ends TLS hides it from the request; and where it is configured,
 * no Host header can change it.
 */
export const apiUrlOf = ({ apiUrl }: Pick<Site, 'apiUrl'>, requestUrl: string): string =>
  apiUrl ?? new URL(requestUrl).origin;

/** Whether two URLs have the same origin. A local server has several names. */
const isSame = (one: URL, other: URL): boolean =>
  one.origin === other.origin ||
  (one.port === other.port && isLoopback(one.hostname) && isLoopback(other.hostname));

/** The start page of a site; at our own URL that is the account page. */
export const homeOf = (site: Site, requestUrl: string): string => {
  const url = new URL(site.url);
  const isOwn = isSame(url, new URL(apiUrlOf(site, requestUrl))) && isUnder(url.pathname, site.basePath);
  return isOwn ? '/account' : site.url;
};

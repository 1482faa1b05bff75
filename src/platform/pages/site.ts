import { isLoopback } from '../rules/network.ts';

/** The site that pages and mails belong to. */
export type Site = {
  readonly name: string;
  readonly url: string;
  /** The configured origin of the API itself; null where there is none. */
  readonly apiOrigin: string | null;
};

export const siteOf = ({ appUrl, api }: { readonly appUrl: string; readonly api: string | null }): Site => ({
  name: new URL(appUrl).host,
  url: appUrl,
  apiOrigin: api,
});

/**
 * The origin of the API, for URLs in answers. A proxy that ends TLS hides it from the request; and where it is configured,
 * no Host header can change it.
 */
export const originOf = ({ apiOrigin }: Pick<Site, 'apiOrigin'>, requestUrl: string): string =>
  apiOrigin ?? new URL(requestUrl).origin;

/** Whether two URLs have the same origin. A local server has several names. */
const isSame = (one: URL, other: URL): boolean =>
  one.origin === other.origin ||
  (one.port === other.port && isLoopback(one.hostname) && isLoopback(other.hostname));

/** The start page of a site; on our own origin that is the account page. */
export const homeOf = (site: Site, requestUrl: string): string =>
  isSame(new URL(site.url), new URL(originOf(site, requestUrl))) ? '/account' : site.url;

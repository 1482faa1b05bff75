import { isLoopback } from '../rules/network.ts';

/** Whom the pages speak for: the place that mails lead to, named there as here. */
export type Site = { readonly name: string; readonly url: string };

export const siteOf = (appUrl: string): Site => ({ name: new URL(appUrl).host, url: appUrl });

/** Locally one and the same server has several names. */
const isSame = (one: URL, other: URL): boolean =>
  one.origin === other.origin ||
  (one.port === other.port && isLoopback(one.hostname) && isLoopback(other.hostname));

/** Where a site starts. Our own origin has no page but those for people. */
export const homeOf = ({ url }: Site, requestUrl: string): string =>
  isSame(new URL(url), new URL(requestUrl)) ? '/account' : url;

import { isLoopback } from '../rules/network.ts';

/** The site that pages and mails belong to. */
export type Site = { readonly name: string; readonly url: string };

export const siteOf = (appUrl: string): Site => ({ name: new URL(appUrl).host, url: appUrl });

/** Whether two URLs have the same origin. A local server has several names. */
const isSame = (one: URL, other: URL): boolean =>
  one.origin === other.origin ||
  (one.port === other.port && isLoopback(one.hostname) && isLoopback(other.hostname));

/** The start page of a site; on our own origin that is the account page. */
export const homeOf = ({ url }: Site, requestUrl: string): string =>
  isSame(new URL(url), new URL(requestUrl)) ? '/account' : url;

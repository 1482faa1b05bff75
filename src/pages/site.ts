/** Whom the pages speak for: the place that mails lead to, named there as here. */
export type Site = { readonly name: string; readonly url: string };

export const siteOf = (appUrl: string): Site => ({ name: new URL(appUrl).host, url: appUrl });

/** Where a site starts. Our own origin has no page but those for people. */
export const homeOf = ({ url }: Site, requestUrl: string): string =>
  new URL(url).origin === new URL(requestUrl).origin ? '/account' : url;

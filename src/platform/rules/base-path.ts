/** The path under which a URL of the API publishes it, such as `/api`; empty at the root of a host. */
export const basePathOf = (url: string | null): string =>
  url === null ? '' : new URL(url).pathname.replace(/\/$/, '');

/** Whether a path is the base path or lies below it. */
export const isUnder = (path: string, basePath: string): boolean =>
  path === basePath || path.startsWith(`${basePath}/`);

/**
 * The path without the base path, once. Some proxies pass it on and others strip it: where both could be meant, a route
 * without it comes first, and a path that is a route only as it stands is left alone.
 */
export const createRoutePath =
  (basePath: string, isRoute: (path: string) => boolean) =>
  (path: string): string => {
    if (basePath === '') return path;
    // RFC 8414 section 3.1 puts the well-known part before the path of the issuer.
    const wellKnown = path.startsWith('/.well-known/') && path.endsWith(basePath);
    if (wellKnown && isRoute(path.slice(0, -basePath.length))) return path.slice(0, -basePath.length);
    if (!isUnder(path, basePath)) return path;
    const inner = path.slice(basePath.length);
    if (inner !== '' && isRoute(inner)) return inner;
    return isRoute(path) ? path : inner || '/';
  };

/** A path without doubled slashes and without one at its end, as clients make them of a base URL and a path. */
export const plainPath = (path: string): string => {
  const single = path.replaceAll(/\/{2,}/g, '/');
  return single.endsWith('/') && single !== '/' ? single.slice(0, -1) : single;
};

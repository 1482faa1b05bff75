/** Whether a browser sends a cookie of that path with a request (RFC 6265 section 5.1.4). */
export const reaches = (cookiePath: string, pathname: string): boolean =>
  pathname === cookiePath || pathname.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);

/** Whether a host name is this machine's own: no DNS that somebody else controls answers for it (RFC 6761 section 6.3). */
export const isLoopback = (hostname: string): boolean =>
  /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(hostname);

/** The networks of a client's address, from the narrowest to the widest. Limits count in each of them. */
export type Networks = readonly [string, ...string[]];

/** The widest network names the object that counts, so that one call reaches the counts of all networks. */
export const widestOf = (networks: Networks): string => networks.at(-1) ?? networks[0];

/**
 * How many times the limit of one client a network has. A customer may own a /56 or a /48 of IPv6 (RFC 6177), so these
 * are limited too; they may also hold many customers, so their limits are higher.
 */
export const shareOf = (network: string): number =>
  network.endsWith('/48') ? 4 : network.endsWith('/56') ? 2 : 1;

/** Whether a host name is this machine's own, so that no foreign DNS answers for it (RFC 6761 section 6.3). */
export const isLoopback = (hostname: string): boolean =>
  /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(hostname);

/** An IPv6 address as sockets take it: URLs have it in brackets. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

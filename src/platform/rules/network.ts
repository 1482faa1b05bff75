/** The networks that a client's address is in, from the narrowest to the widest. Limits count in each of them. */
export type Networks = readonly [string, ...string[]];

/** The widest network names the objects that count: one call then reaches the counts of all. */
export const widestOf = (networks: Networks): string => networks.at(-1) ?? networks[0];

/**
 * How often a network has the allowance of one client. A customer may be given a /56 or a /48 of IPv6 (RFC 6177), so
 * these are limited too; they may also hold many customers, so they have more.
 */
export const shareOf = (network: string): number =>
  network.endsWith('/48') ? 4 : network.endsWith('/56') ? 2 : 1;

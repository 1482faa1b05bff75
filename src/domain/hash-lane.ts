/** What a password is hashed for. A login has turns of its own, so that nothing else keeps people out. */
export type HashPurpose = 'login' | 'session' | 'signup' | 'reset' | 'administration';

/** For whom a password is hashed: turns go round by it. */
export type HashLane = {
  readonly purpose: HashPurpose;
  /** As `networkGroup` gives it. */
  readonly network: string;
  /** The account, or what names it where nobody is logged in: known and unknown names alike. */
  readonly account: string;
};

/** For whom a password is hashed, and until when. */
export type HashCaller = HashLane & { readonly signal?: AbortSignal };

/**
 * Who shares one turn: an IPv4 address, or the /48 of an IPv6 network, which is as much as one site is given (RFC 6177
 * section 2). Otherwise each /64 of a site would bring a turn of its own.
 * @param network as `clientAddress` gives it
 */
export const networkGroup = (network: string): string => {
  const groups = network.split(':');
  return network.endsWith('::/64') ? `${groups.slice(0, 3).join(':')}::/48` : network;
};

/** Whose turn a hash of this request is. @param account its id, or whatever names it where nobody is logged in */
export const hashCaller = (
  { network, signal }: { readonly network: string; readonly signal: AbortSignal },
  purpose: HashPurpose,
  account: string,
): HashCaller => ({ purpose, network: networkGroup(network), account, signal });

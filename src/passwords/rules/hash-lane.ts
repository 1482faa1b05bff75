import { type Networks, widestOf } from '../../platform/rules/network.ts';

/** What a password is hashed for. A login has turns of its own, so that nothing else keeps people out. */
export type HashPurpose = 'login' | 'session' | 'signup' | 'reset' | 'administration';

/** For whom a password is hashed: turns go round by it. */
export type HashLane = {
  readonly purpose: HashPurpose;
  /** An IPv4 address, or a /48 of IPv6, as much as one site is given (RFC 6177 section 2): a /64 of it brings no turn of its own. */
  readonly network: string;
  /** The account, or what names it where nobody is logged in: known and unknown names alike. */
  readonly account: string;
};

/** For whom a password is hashed, and until when. */
export type HashCaller = HashLane & { readonly signal?: AbortSignal };

/** Whose turn a hash of this request is. @param account its id, or whatever names it where nobody is logged in */
export const hashCaller = (
  { networks, signal }: { readonly networks: Networks; readonly signal: AbortSignal },
  purpose: HashPurpose,
  account: string,
): HashCaller => ({ purpose, network: widestOf(networks), account, signal });

type Policy = {
  /** The origins that people may be sent to. */
  readonly origins: ReadonlySet<string>;
  /** Where an address without an origin is. */
  readonly base: string;
};

/** A cookie has 4,096 bytes, and the address is not all that is in it. */
const maxLength = 1024;

/**
 * Where somebody asked to go on after a login, or null where that is not ours: an open redirect lends its name to
 * whoever writes the link (OWASP ASVS 5.0, 3.7.2). Read as browsers read it, in which `//` and `/\` begin a host.
 */
export const readReturnAddress = (given: string, { origins, base }: Policy): string | null => {
  const url = URL.parse(given, base);
  // The origin of a blob: is the one inside of it.
  if (!url || !/^https?:$/.test(url.protocol) || !origins.has(url.origin)) return null;
  if (url.username || url.password) return null;
  return url.href.length > maxLength ? null : url.href;
};

export type OriginPolicy = {
  /** Exact origins, in the spelling that browsers send. */
  readonly allowed: readonly string[];
  /** Whether every origin of this machine is allowed too, at any port. */
  readonly anyLoopback: boolean;
};

/** Names below `.localhost` are no part of it: each is a site of its own, which a project may have for a reason. */
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether an origin is spelled as browsers send it, and its host is this machine. */
const isLoopbackOrigin = (origin: string): boolean => {
  const url = URL.parse(origin);
  // The origin of a blob: URL is the origin inside it, and so is no exact spelling.
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.origin === origin && loopbackHost.test(url.hostname)
  );
};

/** The check of an origin that may call with credentials, and that people may be sent back to. */
export const createOriginCheck = ({ allowed, anyLoopback }: OriginPolicy) => {
  const exact = new Set(allowed);
  return (origin: string): boolean => exact.has(origin) || (anyLoopback && isLoopbackOrigin(origin));
};

export type OriginCheck = ReturnType<typeof createOriginCheck>;

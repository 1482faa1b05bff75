/** What a refresh token says: the session, and how often that had been refreshed when the token was issued. */
export type RefreshClaim = { readonly sessionId: string; readonly counter: number };

/** The part of a token that its MAC covers. */
export const refreshPayload = ({ sessionId, counter }: RefreshClaim): string =>
  `${sessionId.replaceAll('-', '')}.${counter.toString(36)}`;

// Of the last of 43 characters two bits are no part of the MAC (RFC 4648 section 3.5), so only these can stand there.
const shape =
  /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.(0|[1-9a-z][0-9a-z]{0,5})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;
const maxCounter = 2 ** 31 - 2; // what the column holds, less the one step ahead

/**
 * Reads `session.counter.mac`, and nothing but its one spelling.
 * @returns null when the text is not of that form; the MAC is still to be verified
 */
export const parseRefreshToken = (token: string): (RefreshClaim & { readonly mac: string }) | null => {
  const match = shape.exec(token);
  if (!match) return null;
  const [, a, b, c, d, e, digits = '', mac = ''] = match;
  const counter = Number.parseInt(digits, 36);
  return counter > maxCounter ? null : { sessionId: `${a}-${b}-${c}-${d}-${e}`, counter, mac };
};

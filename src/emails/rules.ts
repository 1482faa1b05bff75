/** What a mailed token or code can be used for; each purpose has its own MACs. */
export type TokenPurpose =
  | 'verify_email'
  | 'reset_password'
  | 'change_email'
  | 'restore_email'
  | 'invitation';

/** How long tokens live, in seconds. */
export const tokenTtlSeconds: Readonly<Record<TokenPurpose, number>> = {
  verify_email: 24 * 3600,
  reset_password: 30 * 60,
  change_email: 24 * 3600,
  restore_email: 7 * 24 * 3600,
  invitation: 7 * 24 * 3600,
};

export const allPurposes = Object.keys(tokenTtlSeconds) as readonly TokenPurpose[];

/** Tokens that set a password: after it was forgotten, and for the first one of an invited person. */
export const settingPurposes: readonly TokenPurpose[] = ['reset_password', 'invitation'];

/** Links that set a password. An undo link does so only after it has given the account back, as a reset token. */
export const settingLinks: readonly TokenPurpose[] = [...settingPurposes, 'restore_email'];

/** Tokens that belong to an account's present address, and end when the account gets another address. */
export const endedByNewAddress = allPurposes.filter((purpose) => purpose !== 'restore_email');

/**
 * For how many seconds an address must have been proved, so that a reset at the next address leaves its undo link good.
 * Otherwise a thief's reset would end the owner's way back.
 */
export const establishedSeconds = 7 * 24 * 3600;

/**
 * Tokens that a new password ends, because a person who knew the old password may have asked for them. `restore_email`
 * stays good, because it gives the account back to the old address; a reset ends those of addresses proved only lately.
 */
export const endedByNewPassword: readonly TokenPurpose[] = [...settingPurposes, 'change_email'];

/**
 * Tokens that end with all sessions of an account. A thief with a session and the password may have asked for another
 * address, and would confirm it after the owner has logged out every device.
 */
export const endedWithSessions: readonly TokenPurpose[] = ['change_email'];

/** A six-digit code expires before its link and takes few guesses (NIST SP 800-63B-4 section 3.1.3). */
export const codePolicy = { ttlSeconds: 600, maxAttempts: 5 } as const;

/**
 * For how many seconds a second use of a link that proved the address of an account without a password is told the token
 * that sets one: long enough for a double click, or to repeat a request whose answer was lost.
 */
export const repeatSeconds = 10;

/** How many seconds an account waits for another mail of a kind that somebody asks for. */
export const mailCooldownSeconds = 60;

/** For the token of a link that does nothing. */
export const deadLink = {
  detail: 'The token is unknown, used, expired or incomplete; open the link of the newest message.',
};

/** Two bits of the 43rd character do not belong to the MAC (RFC 4648 section 3.5), so only these characters end it. */
const shape =
  /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

/** The readable part of a token: the id of its row. */
export const tokenPayload = (id: string): string => id.replaceAll('-', '');

/** Reads `id.mac` in its only spelling; the caller still has to verify the MAC. */
export const parseOneTimeToken = (token: string): { readonly id: string; readonly mac: string } | null => {
  const match = shape.exec(token);
  if (!match) return null;
  const [, a, b, c, d, e, mac = ''] = match;
  return { id: `${a}-${b}-${c}-${d}-${e}`, mac };
};

/** Takes six digits from a MAC. With 48 bits, all codes are equally likely to one in 10^8. */
export const codeFromMac = (mac: Uint8Array): string => {
  const number = mac.slice(0, 6).reduce((total, byte) => total * 256 + byte, 0);
  return String(number % 1_000_000).padStart(6, '0');
};

/** Makes what a statement needs to write a token and its mail; `codeFor` is the address that a code is bound to. */
export type PrepareToken = (
  now: Date,
  codeFor: string | null,
) => Promise<{ readonly tokenId: string; readonly outboxId: string; readonly codeMac: string | null }>;

/** What an e-mailed token or code is good for; each purpose has MACs of its own. */
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

/** Tokens that set a password: of who has forgotten it, and of who is invited to choose the first. */
export const settingPurposes: readonly TokenPurpose[] = ['reset_password', 'invitation'];

/** Links that set a password: of an undo link only once it has given the account back, and its row is a reset token. */
export const settingLinks: readonly TokenPurpose[] = [...settingPurposes, 'restore_email'];

/** Tokens that belong to the address that an account has, and end when it gets another one. */
export const endedByNewAddress = allPurposes.filter((purpose) => purpose !== 'restore_email');

/**
 * How long an address has to have been proved, in seconds, for a reset at the next address to leave its undo link good:
 * else a thief's reset would end the owner's way back.
 */
export const establishedSeconds = 7 * 24 * 3600;

/**
 * Tokens that a new password ends: whoever knew the old one may have asked for them. Not `restore_email`, by which the
 * old address gets the account back; a reset ends those of addresses that were proved only lately.
 */
export const endedByNewPassword: readonly TokenPurpose[] = [...settingPurposes, 'change_email'];

/**
 * Tokens that end with all sessions of an account: a thief who had one of the sessions, and the password, may have asked
 * for another address, and would confirm it after the owner has logged everybody out.
 */
export const endedWithSessions: readonly TokenPurpose[] = ['change_email'];

/** A six-digit code lives shorter than its link and takes few guesses (NIST SP 800-63B-4 section 3.1.3). */
export const codePolicy = { ttlSeconds: 600, maxAttempts: 5 } as const;

/** How soon another mail of a kind goes to an account because somebody asks for it, in seconds. */
export const mailCooldownSeconds = 60;

/** Of the last of 43 characters two bits are no part of the MAC (RFC 4648 section 3.5), so only these can stand there. */
const shape =
  /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

/** The part of a token that can be read: the id of its row. */
export const tokenPayload = (id: string): string => id.replaceAll('-', '');

/** Reads `id.mac`, and nothing but its one spelling; the MAC is still to be verified. */
export const parseOneTimeToken = (token: string): { readonly id: string; readonly mac: string } | null => {
  const match = shape.exec(token);
  if (!match) return null;
  const [, a, b, c, d, e, mac = ''] = match;
  return { id: `${a}-${b}-${c}-${d}-${e}`, mac };
};

/** Six digits out of a MAC: 48 bits are enough for every code to be as likely as any other, to one in 10^8. */
export const codeFromMac = (mac: Uint8Array): string => {
  const number = mac.slice(0, 6).reduce((total, byte) => total * 256 + byte, 0);
  return String(number % 1_000_000).padStart(6, '0');
};
/** Makes what a statement needs to write a token and its mail; `email` binds the code to its address. */
export type PrepareToken = (
  now: Date,
  codeFor: string | null,
) => Promise<{ readonly tokenId: string; readonly outboxId: string; readonly codeMac: string | null }>;

import { tokenTtlSeconds } from '../../emails/rules.ts';

/**
 * What a sign-up has chosen, as the browser that made it keeps it, sealed. The proof of the address sets this password
 * only where the browser brings it along: anybody can sign up anybody's address.
 */
export type SignUpAttempt = {
  readonly email: string;
  readonly passwordHash: string;
  readonly username: string | null;
};

/** As long as the link that proves the address. */
export const signUpAttemptTtlSeconds = tokenTtlSeconds.verify_email;

import { tokenTtlSeconds } from '../../emails/rules.ts';

/**
 * What a sign-up has chosen. Its browser keeps it, sealed. The proof of the address sets this password only if the same
 * browser sends it along: anybody can sign up anybody's address.
 */
export type SignUpAttempt = {
  readonly email: string;
  readonly passwordHash: string;
  readonly username: string | null;
};

/** As long as the life of the link that proves the address. */
export const signUpAttemptTtlSeconds = tokenTtlSeconds.verify_email;

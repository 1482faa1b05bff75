/** The places that messages lead to; a token is in the query, as a page must be able to read it without a script. */
export type MailLinks = {
  readonly verifyEmail: (token: string) => string;
  readonly resetPassword: (token: string) => string;
  readonly restoreEmail: (token: string) => string;
  readonly account: () => string;
};

/** Links below APP_URL, never below the Host of a request: its sender chooses that (OWASP WSTG-INPV-17). */
export const createLinks = (appUrl: string): MailLinks => ({
  verifyEmail: (token) => `${appUrl}/verify-email?token=${token}`,
  resetPassword: (token) => `${appUrl}/reset-password?token=${token}`,
  restoreEmail: (token) => `${appUrl}/restore-email?token=${token}`,
  account: () => `${appUrl}/account`,
});

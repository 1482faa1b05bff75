import type { Emails } from '../../emails/service.ts';
import type { PasswordServices } from '../../passwords/routes.ts';
import type { AuthServices } from '../../sessions/routes/auth.ts';
import type { SessionServices } from '../../sessions/routes/sessions.ts';
import type { IdentityServices } from '../../sso/routes/identities.ts';
import type { SignOnOffer } from '../pages.tsx';
import type { Accounts } from '../service.ts';

/** The features behind the pages: the same as behind the API. */
export type PageServices = {
  readonly accounts: Accounts;
  readonly emails: Emails;
  readonly sessions: Pick<AuthServices, 'login' | 'logout'> & SessionServices;
  readonly passwords: PasswordServices;
  readonly sso: IdentityServices & { readonly offers: readonly SignOnOffer[] };
};

/** The paths whose answers people read, failures included. */
export const pagePaths = [
  '/account/*',
  '/forgot-password',
  '/reset-password',
  '/restore-email',
  '/verify-email/*',
] as const;

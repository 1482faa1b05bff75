import type { EmailServices } from '../../emails/routes/emails.ts';
import type { PasswordServices } from '../../passwords/routes.ts';
import type { AuthServices } from '../../sessions/routes/auth.ts';
import type { SessionServices } from '../../sessions/routes/sessions.ts';
import type { Sso } from '../../sso/service.ts';
import type { MeServices } from './me.ts';

/** The use cases behind the pages: the very ones that the JSON routes call. */
export type PageServices = {
  readonly accounts: Pick<AuthServices, 'signup'> & Pick<MeServices, 'me'>;
  readonly sessions: Pick<AuthServices, 'login' | 'logout'> & SessionServices;
  readonly passwords: PasswordServices;
  readonly emails: EmailServices;
  readonly sso: Pick<Sso, 'list' | 'unlink' | 'offers'>;
};

/** Where people read the answers, failures included. */
export const pagePaths = [
  '/account/*',
  '/forgot-password',
  '/reset-password',
  '/restore-email',
  '/verify-email/*',
] as const;

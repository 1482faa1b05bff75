import type { Emails } from '../../emails/service.ts';
import type { Passwords } from '../../passwords/service.ts';
import type { Sessions } from '../../sessions/service.ts';
import type { Sso } from '../../sso/service.ts';
import type { Accounts } from '../service.ts';

/** The features behind the pages: the same as behind the API. */
export type PageServices = {
  readonly accounts: Accounts;
  readonly emails: Emails;
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly sso: Sso;
};

/** The paths whose answers people read, failures included. */
export const pagePaths = [
  '/account/*',
  '/forgot-password',
  '/reset-password',
  '/restore-email',
  '/verify-email/*',
] as const;

import type { EmailServices } from '../../emails/routes/emails.ts';
import type { Passwords } from '../../passwords/service.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { Sessions } from '../../sessions/service.ts';
import type { IdentityServices } from '../../sso/routes/identities.ts';
import type { SignOnOffer } from '../pages/signed-out.tsx';
import type { SignupOutcome, SignupRequest } from '../service/signup.ts';
import type { MeServices } from './me.ts';

/** The use cases behind the pages: the very ones that the JSON routes call. */
export type PageServices = {
  readonly accounts: Pick<MeServices, 'me'> & {
    readonly signup: (ctx: RequestContext, request: SignupRequest) => Promise<SignupOutcome>;
  };
  readonly sessions: Sessions;
  readonly passwords: Passwords;
  readonly emails: EmailServices;
  readonly sso: IdentityServices & {
    /** The ways to log in beside a password. */
    readonly offers: readonly SignOnOffer[];
  };
};

/** Where people read the answers, failures included. */
export const pagePaths = [
  '/account/*',
  '/forgot-password',
  '/reset-password',
  '/restore-email',
  '/verify-email/*',
] as const;

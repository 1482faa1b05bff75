import type { Context } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import { withFacts } from '../../platform/context.ts';
import { findAppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { actorOf, type Identify } from '../../platform/http/identify.ts';
import { respondWithPage } from '../../platform/http/page-response.tsx';
import type { Failure } from '../../platform/pages/failure.ts';
import { noticeText } from '../../platform/pages/notices.ts';
import type { Site } from '../../platform/pages/site.ts';
import { AccountContent, LogoutForm } from '../pages/account.tsx';
import { SignedOut } from '../pages/signed-out.tsx';
import type { PageServices } from './page-services.ts';

const maxSessions = 100;

type Deps = {
  readonly me: PageServices['accounts']['me'];
  readonly list: PageServices['sessions']['list'];
  readonly sso: PageServices['sso'];
  readonly config: Pick<Config, 'email' | 'password' | 'turnstile'>;
  readonly identify: Identify;
  readonly site: Site;
};

/** The account page in its two states; after a failure, with the form that it was about. */
export const createShowAccount = ({ me, list, sso, config, identify, site }: Deps) => {
  const noticeOf = (c: Context<AppEnv>) => noticeText(c.req.query('done'));

  const showSignedOut = (c: Context<AppEnv>, failure?: Failure) =>
    respondWithPage(c, site, {
      heading: config.turnstile === null ? 'Log in or sign up' : 'Log in',
      notice: failure ? undefined : noticeOf(c),
      failure,
      content: (
        <SignedOut
          offers={sso.offers}
          failure={failure}
          canSignUp={config.turnstile === null}
          verifiesFirst={config.email.verification === 'required'}
          minPasswordLength={config.password.minLength}
        />
      ),
    });

  const showSignedIn = async (c: Context<AppEnv>, failure?: Failure) => {
    const ctx = withFacts(c.var.ctx, { actor: actorOf(await identify(c)) });
    const [account, sessions, identities] = await Promise.all([
      me(ctx),
      list(ctx, { cursor: null, limit: maxSessions }),
      sso.list(ctx),
    ]);
    c.set('userId', account.id);
    c.set('sessionLives', true);
    return respondWithPage(c, site, {
      heading: 'Your account',
      notice: failure ? undefined : noticeOf(c),
      failure,
      aside: <LogoutForm />,
      content: (
        <AccountContent
          account={account}
          sessions={sessions.items}
          identities={identities}
          hasMoreSessions={sessions.nextCursor !== null}
          verifies={config.email.verification !== 'off'}
          failure={failure}
        />
      ),
    });
  };

  /** Whoever has no live session sees the ways in and why; what a form has just told is reason enough. */
  const showAccount = async (c: Context<AppEnv>, failure?: Failure) => {
    const { kind } = await identify(c);
    if (kind === 'none' || kind === 'invalid') return showSignedOut(c, failure);
    try {
      return await showSignedIn(c, failure);
    } catch (thrown) {
      const error = findAppError(thrown);
      if (error?.status !== 401 && error?.status !== 403) throw thrown;
      return showSignedOut(c, noticeOf(c) ? undefined : { form: 'session', values: {}, error });
    }
  };

  return { showAccount, showSignedOut };
};

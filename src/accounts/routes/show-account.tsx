import type { Context } from 'hono';
import { withFacts } from '../../platform/context.ts';
import { findAppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { actorOf } from '../../platform/http/identify.ts';
import { respondWithPage } from '../../platform/http/page-response.tsx';
import type { Web } from '../../platform/http/route.ts';
import { createChallengeOf, hasWidget } from '../../platform/pages/challenge.tsx';
import type { Failure } from '../../platform/pages/failure.ts';
import { noticeText } from '../../platform/pages/notices.ts';
import type { Sessions } from '../../sessions/service.ts';
import type { Sso } from '../../sso/service.ts';
import { AccountContent, LogoutForm, SignedOut } from '../pages.tsx';
import type { Accounts } from '../service.ts';

const maxSessions = 100;

/** Whether a login was refused because it had no token, or failed with one: the next one needs a token too. */
const isChallenged = (failure: Failure | undefined): boolean =>
  failure?.form === 'login' &&
  (failure.error.code === 'turnstile_failed' || failure.values.turnstile_token !== undefined);

type Features = { readonly accounts: Accounts; readonly sessions: Sessions; readonly sso: Sso };

/** The account page, logged in or logged out; after a failure it shows the form again, filled in. */
export const createShowAccount = ({ accounts, sessions, sso }: Features, { config, identify, site }: Web) => {
  const challengeOf = createChallengeOf(config);
  const noticeOf = (c: Context<AppEnv>) => noticeText(c.req.query('done'));

  const showSignedOut = (c: Context<AppEnv>, failure?: Failure) => {
    // The page is a success even where it says that the session has ended.
    c.set('sessionLives', false);
    const signupChallenge = challengeOf('signup');
    const loginChallenge = isChallenged(failure) ? challengeOf('login') : null;
    return respondWithPage(c, site, {
      heading: signupChallenge?.siteKey === null ? 'Log in' : 'Log in or sign up',
      hasWidget: hasWidget(signupChallenge, loginChallenge),
      notice: failure ? undefined : noticeOf(c),
      failure,
      content: (
        <SignedOut
          offers={sso.offers}
          failure={failure}
          signupChallenge={signupChallenge}
          loginChallenge={loginChallenge}
          verifiesFirst={config.email.verification === 'required'}
          minPasswordLength={config.password.minLength}
        />
      ),
    });
  };

  const showSignedIn = async (c: Context<AppEnv>, failure?: Failure) => {
    const ctx = withFacts(c.var.ctx, { actor: actorOf(await identify(c)) });
    const [account, devices, identities] = await Promise.all([
      accounts.me(ctx, c.var.sessionAnswer),
      sessions.list(ctx, { cursor: null, limit: maxSessions }),
      sso.list(ctx),
    ]);
    c.set('userId', account.id);
    c.set('sessionLives', true);
    const verifies = config.email.verification !== 'off';
    const resendChallenge = verifies && !account.emailVerified ? challengeOf('resend') : null;
    const forgotChallenge = account.passwordChangedAt === null ? challengeOf('forgot') : null;
    return respondWithPage(c, site, {
      heading: 'Your account',
      hasWidget: hasWidget(resendChallenge, forgotChallenge),
      notice: failure ? undefined : noticeOf(c),
      failure,
      aside: <LogoutForm />,
      content: (
        <AccountContent
          account={account}
          sessions={devices.items}
          identities={identities}
          hasMoreSessions={devices.nextCursor !== null}
          verifies={verifies}
          resendChallenge={resendChallenge}
          forgotChallenge={forgotChallenge}
          failure={failure}
        />
      ),
    });
  };

  /** A browser without a live session sees the ways to log in, and why; the notice of a form is reason enough. */
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

import { CodeForm, ResendForm } from '../emails/pages.tsx';
import { ChallengedForm, type FormChallenge } from '../platform/pages/challenge.tsx';
import type { Failure } from '../platform/pages/failure.ts';
import { Form, fieldsOf } from '../platform/pages/form.tsx';
import { Link } from '../platform/pages/link.tsx';
import { Devices } from '../sessions/pages.tsx';
import type { SessionSummary } from '../sessions/rules/session.ts';
import { WaysIn } from '../sso/pages.tsx';
import type { NamedIdentity } from '../sso/rules.ts';
import type { Account } from './rules/account.ts';

/** A provider to log in with. */
export type SsoOffer = { readonly name: string; readonly url: string };

type SignedOutProps = {
  offers: readonly SsoOffer[];
  failure: Failure | undefined;
  signupChallenge: FormChallenge;
  /** Of a login after failures; null before them. */
  loginChallenge: FormChallenge;
  /** Whether an address has to be verified before the first login. */
  verifiesFirst: boolean;
  minPasswordLength: number;
};

const Offers = ({ offers }: { offers: readonly SsoOffer[] }) => (
  <section aria-labelledby="providers">
    <h2 id="providers">Log in without a password</h2>
    <ul class="offers">
      {offers.map(({ name, url }) => (
        <li>
          <Link class="button" href={url}>
            Log in with {name}
          </Link>
        </li>
      ))}
    </ul>
  </section>
);

/** An address that was signed up with, and has an account to log in to. */
const takenAddressOf = (failure: Failure | undefined): string | undefined =>
  failure?.form === 'signup' && failure.error.code === 'email_taken' ? failure.values.email : undefined;

/** The forms to log in and to sign up. */
export const SignedOut = ({
  offers,
  failure,
  signupChallenge,
  loginChallenge,
  verifiesFirst,
  minPasswordLength,
}: SignedOutProps) => {
  const Login = fieldsOf('login', failure);
  const Signup = fieldsOf('signup', failure);
  return (
    <>
      <section aria-labelledby="login">
        <h2 id="login">Log in</h2>
        <ChallengedForm action="/account/login" submit="Log in" challenge={loginChallenge}>
          <Login name="identifier" type="text" autocomplete="username" value={takenAddressOf(failure)} />
          <Login name="password" type="password" autocomplete="current-password" />
        </ChallengedForm>
        <p>
          <Link href="/forgot-password">Forgot your password?</Link>
        </p>
        {verifiesFirst && (
          <p>
            <Link href="/verify-email">Signed up, but not confirmed your e-mail address yet?</Link>
          </p>
        )}
      </section>
      {offers.length > 0 && <Offers offers={offers} />}
      <section aria-labelledby="signup">
        <h2 id="signup">Create an account</h2>
        <ChallengedForm action="/account/signup" submit="Sign up" challenge={signupChallenge}>
          <Signup name="email" type="email" autocomplete="email" />
          <Signup
            name="password"
            type="password"
            autocomplete="new-password"
            hint={`At least ${minPasswordLength} characters. A few unrelated words make a good password.`}
          />
        </ChallengedForm>
      </section>
    </>
  );
};

const WhoYouAre = ({ account, verifies }: { account: Account; verifies: boolean }) => (
  <section aria-labelledby="who">
    <h2 id="who">Who you are</h2>
    <dl>
      <dt>E-mail address</dt>
      <dd>
        {account.email}
        {verifies &&
          (account.emailVerified ? (
            <span class="good"> (confirmed)</span>
          ) : (
            <span class="bad"> (not confirmed yet)</span>
          ))}
      </dd>
      {account.username && (
        <>
          <dt>User name</dt>
          <dd>{account.username}</dd>
        </>
      )}
    </dl>
  </section>
);

type VerificationProps = { email: string; failure: Failure | undefined; challenge: FormChallenge };

const Verification = ({ email, failure, challenge }: VerificationProps) => (
  <section aria-labelledby="verification">
    <h2 id="verification">Confirm your e-mail address</h2>
    <p>Open the link in the message that we sent you, or type its code here.</p>
    <CodeForm action="/account/code" email={email} failure={failure} />
    <ResendForm email={email} challenge={challenge} />
  </section>
);

const ChangePassword = ({ account, failure }: { account: Account; failure: Failure | undefined }) => {
  const Field = fieldsOf('password', failure);
  return (
    <section aria-labelledby="password">
      <h2 id="password">Change your password</h2>
      {account.mustChangePassword && (
        <p class="bad">Please change your password: it is too old, or an administrator asks you to.</p>
      )}
      <Form action="/account/password" submit="Change password">
        {/* Without a name it is not sent; it tells a password manager which account the password is for. */}
        <input type="email" autocomplete="username" value={account.email} readonly hidden />
        <Field name="current_password" type="password" autocomplete="current-password" />
        <Field
          name="new_password"
          type="password"
          autocomplete="new-password"
          hint="Your other devices will be logged out."
        />
      </Form>
    </section>
  );
};

/** For an account that logs in with a provider: the message proves the address, and its link sets a password. */
const SetPassword = ({ account, challenge }: { account: Account; challenge: FormChallenge }) => (
  <section aria-labelledby="password">
    <h2 id="password">Set a password</h2>
    <p>
      Your account has no password. With one you can log in without a provider, and change your e-mail
      address.
    </p>
    <ChallengedForm
      action="/forgot-password"
      submit="Send a link to set one"
      hidden={{ email: account.email }}
      challenge={challenge}
      quiet
    />
  </section>
);

const ChangeEmail = ({ failure }: { failure: Failure | undefined }) => {
  const Field = fieldsOf('email', failure);
  return (
    <section aria-labelledby="email">
      <h2 id="email">Change your e-mail address</h2>
      <Form action="/account/email" submit="Change e-mail address">
        <Field
          name="email"
          type="email"
          autocomplete="email"
          label="New e-mail address"
          hint="We send it a link. Nothing changes until you confirm the new address."
        />
        <Field name="password" type="password" autocomplete="current-password" label="Your password" />
      </Form>
    </section>
  );
};

export const LogoutForm = () => (
  <Form action="/account/logout" submit="Log out" hidden={{ scope: 'local' }} quiet />
);

type AccountProps = {
  account: Account;
  sessions: readonly SessionSummary[];
  identities: readonly NamedIdentity[];
  hasMoreSessions: boolean;
  /** Whether addresses are verified at all. */
  verifies: boolean;
  /** In front of another verification mail, and of a link that sets a password; null also where its form is not shown. */
  resendChallenge: FormChallenge;
  forgotChallenge: FormChallenge;
  failure: Failure | undefined;
};

export const AccountContent = ({
  account,
  sessions,
  identities,
  hasMoreSessions,
  verifies,
  resendChallenge,
  forgotChallenge,
  failure,
}: AccountProps) => (
  <>
    <WhoYouAre account={account} verifies={verifies} />
    {verifies && !account.emailVerified && (
      <Verification email={account.email} failure={failure} challenge={resendChallenge} />
    )}
    <Devices sessions={sessions} hasMore={hasMoreSessions} />
    {identities.length > 0 && <WaysIn identities={identities} />}
    {account.passwordChangedAt === null ? (
      <SetPassword account={account} challenge={forgotChallenge} />
    ) : (
      <>
        <ChangePassword account={account} failure={failure} />
        <ChangeEmail failure={failure} />
      </>
    )}
  </>
);

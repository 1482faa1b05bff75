import type { Failure } from '../../platform/pages/failure.ts';
import { Form, fieldsOf } from '../../platform/pages/form.tsx';

/** A provider to log in by. */
export type SignOnOffer = { readonly name: string; readonly url: string };

type Props = {
  offers: readonly SignOnOffer[];
  failure: Failure | undefined;
  canSignUp: boolean;
  /** Whether an address has to be verified before the first login. */
  verifiesFirst: boolean;
  minPasswordLength: number;
};

const Offers = ({ offers }: { offers: readonly SignOnOffer[] }) => (
  <section aria-labelledby="providers">
    <h2 id="providers">Log in without a password</h2>
    <ul class="offers">
      {offers.map(({ name, url }) => (
        <li>
          <a class="button" href={url}>
            Log in with {name}
          </a>
        </li>
      ))}
    </ul>
  </section>
);

/** All ways in. Sign-up is left out where it needs a challenge, which no page without a script can show. */
export const SignedOut = ({ offers, failure, canSignUp, verifiesFirst, minPasswordLength }: Props) => {
  const Login = fieldsOf('login', failure);
  const Signup = fieldsOf('signup', failure);
  return (
    <>
      <section aria-labelledby="login">
        <h2 id="login">Log in</h2>
        <Form action="/account/login" submit="Log in">
          <Login name="identifier" type="text" autocomplete="username" />
          <Login name="password" type="password" autocomplete="current-password" />
        </Form>
        <p>
          <a href="/forgot-password">Forgot your password?</a>
        </p>
        {verifiesFirst && (
          <p>
            <a href="/verify-email">Signed up, but not confirmed your e-mail address yet?</a>
          </p>
        )}
      </section>
      {offers.length > 0 && <Offers offers={offers} />}
      {canSignUp && (
        <section aria-labelledby="signup">
          <h2 id="signup">Create an account</h2>
          <Form action="/account/signup" submit="Sign up">
            <Signup name="email" type="email" autocomplete="email" />
            <Signup
              name="password"
              type="password"
              autocomplete="new-password"
              hint={`At least ${minPasswordLength} characters. A few unrelated words make a good password.`}
            />
          </Form>
        </section>
      )}
    </>
  );
};

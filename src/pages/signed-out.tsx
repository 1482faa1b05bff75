import type { Failure } from './failure.ts';
import { Form, fieldsOf } from './form.tsx';

type Props = {
  failure: Failure | undefined;
  canSignUp: boolean;
  /** Whether an address has to be verified before the first login. */
  verifiesFirst: boolean;
  minPasswordLength: number;
};

/** Both ways in. Sign-up is left out where it needs a challenge, which no page without a script can show. */
export const SignedOut = ({ failure, canSignUp, verifiesFirst, minPasswordLength }: Props) => {
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
            <a href="/verify-email">Signed up, and your e-mail address is not confirmed yet?</a>
          </p>
        )}
      </section>
      {canSignUp && (
        <section aria-labelledby="signup">
          <h2 id="signup">Create an account</h2>
          <Form action="/account/signup" submit="Sign up">
            <Signup name="email" type="email" autocomplete="email" />
            <Signup
              name="password"
              type="password"
              autocomplete="new-password"
              hint={`At least ${minPasswordLength} characters. A few words that have nothing to do with each other are best.`}
            />
          </Form>
        </section>
      )}
    </>
  );
};
